#!/usr/bin/env bash
# A PostgreSQL server with TLS, for tests: `tls_server.sh start <directory>`, `tls_server.sh stop <directory>`.
#
# It needs what Debian's packages `postgresql` and `openssl` have, and leaves nothing outside of the directory, which must
# not exist yet, and which the user `postgres` must be able to reach. In it afterwards:
#
#   port                            where it listens, on the addresses of localhost
#   .s.PGSQL.<port>                 its socket of Unix
#   ca.crt, other_ca.crt            the authority that signed its certificate, and one that did not
#   server.crt                      its certificate: for localhost, 127.0.0.1 and ::1
#   client.crt, client.key          of the user `certified`; client_pkcs1.key and client_sec1.crt, .key: the same in other forms
#   log                             what it has to say
#
# The database is `test`. All passwords are `secret`:
#   tester       over TLS, by SCRAM                   certified    over TLS, by SCRAM and a certificate of its own
#   plain        without TLS alone, by SCRAM          old          by MD5, with TLS and without
#   clear        by the password as it is             crowded      by SCRAM, and may have no connection at all
#   trusted      is not asked
set -euo pipefail

usage() {
    echo "usage: $0 start|stop <directory>" >&2
    exit 2
}

[ $# -eq 2 ] || usage
directory=$(realpath -m "$2")

. "$(dirname "${BASH_SOURCE[0]}")/servers.sh"

# authority <name>
authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -sha256 -subj "/CN=$1" \
        -addext "keyUsage=critical,keyCertSign" -keyout "$1.key" -out "$1.crt" 2>/dev/null
}

# certificate <name> <subject> <extensions> <hash> <arguments for the key>..
certificate() {
    local name=$1 subject=$2 extensions=$3 hash=$4
    shift 4
    openssl req -new -newkey "$@" -nodes -subj "/CN=$subject" -keyout "$name.key" -out "$name.csr" 2>/dev/null
    openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 "$hash" \
        -extfile <(printf '%s\n' "basicConstraints=CA:FALSE" "$extensions") -out "$name.crt" 2>/dev/null
    rm "$name.csr"
}

start() {
    local bin port
    bin=$(binaries initdb pg_ctl)
    mkdir "$directory"
    cd "$directory"
    trap '[ $? -eq 0 ] || { cat "$directory/log" >&2 2>/dev/null; stop; }' EXIT

    authority ca
    authority other_ca
    # SHA-512, so that the binding of passwords takes another hash than the usual one.
    certificate server localhost "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1" -sha512 rsa:2048
    certificate client certified "extendedKeyUsage=clientAuth" -sha256 rsa:2048
    certificate client_sec1 certified "extendedKeyUsage=clientAuth" -sha256 ec -pkeyopt ec_paramgen_curve:P-256
    openssl rsa -in client.key -traditional -out client_pkcs1.key 2>/dev/null
    openssl ec -in client_sec1.key -out sec1 2>/dev/null && mv sec1 client_sec1.key
    rm -f ca.key other_ca.key ca.srl
    chmod 0600 ./*.key
    if [ "$(id -u)" -eq 0 ]; then
        chown postgres . server.key
    fi
    chmod 0755 .

    as_owner "$bin/initdb" -D "$directory/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null
    port=$(free_port)
    echo "$port" >port
    cat >>data/postgresql.conf <<END
listen_addresses = 'localhost'
port = $port
unix_socket_directories = '$directory'
ssl = on
ssl_cert_file = '$directory/server.crt'
ssl_key_file = '$directory/server.key'
ssl_ca_file = '$directory/ca.crt'
password_encryption = 'scram-sha-256'
max_connections = 50
shared_buffers = 16MB
fsync = off
END
    cat >data/pg_hba.conf <<END
local     all postgres      trust
local     all trusted       trust
local     all all           scram-sha-256
hostssl   all certified all scram-sha-256 clientcert=verify-full
hostnossl all plain     all scram-sha-256
hostssl   all plain     all reject
host      all old       all md5
host      all clear     all password
host      all trusted   all trust
hostssl   all all       all scram-sha-256
END
    as_owner "$bin/pg_ctl" -D "$directory/data" -l "$directory/data/log" -w -t 60 start >/dev/null
    ln -s data/log log
    "$bin/psql" -q -h "$directory" -p "$port" -U postgres -d postgres -v ON_ERROR_STOP=1 <<END
CREATE DATABASE test;
CREATE ROLE tester LOGIN PASSWORD 'secret';
CREATE ROLE certified LOGIN PASSWORD 'secret';
CREATE ROLE plain LOGIN PASSWORD 'secret';
CREATE ROLE clear LOGIN PASSWORD 'secret';
CREATE ROLE trusted LOGIN;
CREATE ROLE crowded LOGIN PASSWORD 'secret' CONNECTION LIMIT 0;
SET password_encryption = 'md5';
CREATE ROLE old LOGIN PASSWORD 'secret';
END
}

stop() {
    [ -d "$directory" ] || return 0
    if [ -e "$directory/data/postmaster.pid" ]; then
        as_owner "$(binaries pg_ctl)/pg_ctl" -D "$directory/data" -m immediate -w -t 60 stop >/dev/null
    fi
    rm -rf "$directory"
}

case $1 in
start) start ;;
stop) stop ;;
*) usage ;;
esac
