"""Run Locust with what we add: ``python -m loadtests.suites --headless -f journey.py …``."""

from locust.main import main

# These attach themselves to Locust's events.
from loadtests.suites import arrivals as arrivals
from loadtests.suites import entrance as entrance
from loadtests.suites import recorder as recorder
from loadtests.suites import silence as silence

if __name__ == "__main__":
    main()
