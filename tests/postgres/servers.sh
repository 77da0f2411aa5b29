# What the scripts that make PostgreSQL servers for tests share. It is read by them: `. "$(dirname "${BASH_SOURCE[0]}")/servers.sh"`.

# binaries <program>..: the directory of the newest PostgreSQL, which must have these.
binaries() {
    local found program
    found=$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -V | tail -n 1)
    if [ -z "$found" ]; then
        found=$(dirname "$(command -v initdb || true)")
    fi
    for program in "$@"; do
        [ -x "$found/$program" ] || {
            echo "there is no $program: install PostgreSQL" >&2
            exit 3
        }
    done
    echo "$found"
}

# The server refuses to run as root.
as_owner() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    elif command -v runuser >/dev/null; then
        (cd / && runuser -u postgres -- "$@")
    else
        (cd / && su postgres -s /bin/sh -c "$(printf '%q ' "$@")")
    fi
}

# free_port [<port>]: one that nobody listens on, and that is not the one given.
free_port() {
    local port
    while true; do
        port=$((20000 + RANDOM % 12000))
        if [ "$port" != "${1:-}" ] && ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}
