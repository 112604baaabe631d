"""What the supervisor writes down and counts while a deployment runs."""

import os
from collections.abc import Mapping

from ..deployment import Deployment
from ..logs.files import LogFile
from ..logs.pipes import LogPipe, with_time
from ..logs.reading import REQUESTS
from ..metrics.page import Tally, page
from ..metrics.traffic import Traffic
from ..rundir import RunDirectory
from ..status import DeploymentStatus


class Records:
    """Log files by the name of their part, and the counts behind the metrics."""

    def __init__(self, deployment: Deployment, rundir: RunDirectory) -> None:
        self.tally = Tally()
        self._limits = deployment.logs
        self._rundir = rundir
        self._traffic = Traffic()
        self._counts_requests = deployment.metrics.bind is not None
        self._files: dict[str, LogFile] = {}
        if self._limits.requests:
            # There from the start, for whoever waits for the first request.
            self.log(REQUESTS).write(b"")

    def log(self, part: str) -> LogFile:
        """The same for every process of that name, one after the other."""
        if part not in self._files:
            limits = self._limits
            path = self._rundir.log(part)
            self._files[part] = LogFile(path, file_size=limits.file_size, files=limits.files)
        return self._files[part]

    def take_stderr(self) -> None:
        """From now on this process writes to the supervisor's log."""
        with LogPipe(with_time(self.log("supervisor").write)) as stderr:
            os.dup2(stderr, 2)

    def requests(self, lines: bytes) -> None:
        """What the balancer has written about requests."""
        if self._limits.requests:
            self.log(REQUESTS).write(lines)
        if self._counts_requests:
            self._traffic.read(lines)

    @property
    def lost_lines(self) -> Mapping[str, int]:
        """Log lines that could not be written, by part."""
        return {part: file.lost for part, file in self._files.copy().items()}

    def metrics(self, status: DeploymentStatus) -> str:
        """The page for Prometheus."""
        return page(status, self._traffic, self.tally, self.lost_lines)
