#!/usr/bin/env bash
# A PostgreSQL server and its standby, for tests: `two_servers.sh start|fail-over|stop <directory>`.
#
# It needs what Debian's package `postgresql` has, and leaves nothing outside of the directory, which must not exist yet, and
# which the user `postgres` must be able to reach. In it afterwards:
#
#   primary_port, standby_port      where they listen on 127.0.0.1; the user `postgres` is not asked for a password
#   primary/log, standby/log        what they have to say
#
# `fail-over` ends the primary as a crash does, and makes the standby one that takes writes.
set -euo pipefail

usage() {
    echo "usage: $0 start|fail-over|stop <directory>" >&2
    exit 2
}

[ $# -eq 2 ] || usage
directory=$(realpath -m "$2")

. "$(dirname "${BASH_SOURCE[0]}")/servers.sh"

# begin <name>
begin() {
    as_owner "$bin/pg_ctl" -D "$directory/$1" -l "$directory/$1/log" -w -t 60 start >/dev/null
}

start() {
    local primary standby
    bin=$(binaries initdb pg_basebackup pg_ctl)
    mkdir "$directory"
    trap '[ $? -eq 0 ] || { cat "$directory"/*/log >&2 2>/dev/null; stop; }' EXIT
    if [ "$(id -u)" -eq 0 ]; then
        chown postgres "$directory"
    fi
    chmod 0755 "$directory"
    primary=$(free_port)
    standby=$(free_port "$primary")
    echo "$primary" >"$directory/primary_port"
    echo "$standby" >"$directory/standby_port"

    as_owner "$bin/initdb" -D "$directory/primary" -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null
    cat >>"$directory/primary/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
port = $primary
unix_socket_directories = '$directory'
max_connections = 50
shared_buffers = 16MB
fsync = off
hot_standby = on
END
    begin primary
    "$bin/psql" -q -h 127.0.0.1 -p "$primary" -U postgres -d postgres -c 'CREATE DATABASE test'
    as_owner "$bin/pg_basebackup" -h 127.0.0.1 -p "$primary" -U postgres -D "$directory/standby" -R -X stream -c fast --no-sync
    echo "port = $standby" >>"$directory/standby/postgresql.conf"
    rm -f "$directory/standby/log"
    begin standby
}

fail_over() {
    bin=$(binaries pg_ctl)
    as_owner "$bin/pg_ctl" -D "$directory/primary" -m immediate -w -t 60 stop >/dev/null
    as_owner "$bin/pg_ctl" -D "$directory/standby" -w -t 60 promote >/dev/null
}

stop() {
    local name
    [ -d "$directory" ] || return 0
    for name in standby primary; do
        if [ -e "$directory/$name/postmaster.pid" ]; then
            as_owner "$(binaries pg_ctl)/pg_ctl" -D "$directory/$name" -m immediate -w -t 60 stop >/dev/null
        fi
    done
    rm -rf "$directory"
}

case $1 in
start) start ;;
fail-over) fail_over ;;
stop) stop ;;
*) usage ;;
esac
