#!/bin/sh
# As the official one: options alone mean haproxy, which runs in the foreground under its master.
set -e
case "$1" in -*) set -- haproxy "$@" ;; esac
if [ "$1" = haproxy ]; then
    shift
    set -- haproxy -W -db "$@"
fi
exec "$@"
