"""What can go wrong, as a tree.

DeployError            anything that the command prints as one message; exit code 2
├── SettingsError      the command line, the environment or twofold.toml is wrong
├── StartError         a part could not be started; nothing is left running
├── RolloutError       a new version did not get into service; exit code 1
├── NotRunning         there is no such deployment, or it went away
├── NoAnswer           it is there, but does not say how it is
├── EngineError        Docker is missing, does not answer, or refused a command
└── BalancerError      the balancer refused a command or does not answer
"""


class DeployError(Exception):
    """Carries one message for people: what, where, what next."""

    exit_code = 2


class SettingsError(DeployError):
    pass


class StartError(DeployError):
    pass


class RolloutError(DeployError):
    exit_code = 1


class NotRunning(DeployError):
    pass


class NoAnswer(DeployError):
    pass


class EngineError(DeployError):
    pass


class BalancerError(DeployError):
    pass
