"""The Swarm target: a stack on the hosts of a Docker Swarm, by way of one of its managers."""

from .target import SwarmTarget as SwarmTarget
