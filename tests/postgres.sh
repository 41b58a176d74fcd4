#!/usr/bin/env bash
# A PostgreSQL cluster of its own in a temporary folder, for tests: prints its address on one line once it answers, and
# goes away, with all it held, when its standard input ends. Exit status 77: PostgreSQL is not installed.
#
#   tests/postgres.sh < /dev/tty        # until Ctrl-D; then TRUNKLINE_TEST_POSTGRES=… cargo test store
set -euo pipefail

if ! command -v initdb >/dev/null || ! command -v postgres >/dev/null; then
    # Debian keeps the servers' own commands out of the path.
    newest=$(find /usr/lib/postgresql -maxdepth 3 -name initdb 2>/dev/null | sort -V | tail -n 1)
    [ -n "$newest" ] || {
        echo "PostgreSQL is not installed (initdb is not found)" >&2
        exit 77
    }
    PATH="$(dirname "$newest"):$PATH"
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/pg.XXXXXX")
server=
finish() {
    trap - EXIT INT TERM HUP
    if [ -n "$server" ]; then
        kill -QUIT "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# PostgreSQL refuses to run as root.
run=()
if [ "$(id -u)" -eq 0 ]; then
    for user in postgres nobody; do
        id "$user" >/dev/null 2>&1 && break
    done
    chown "$user" "$folder"
    run=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
fi

cd "$folder"
"${run[@]}" initdb --pgdata="$folder/data" --username=trunkline --auth=trust --encoding=UTF8 --locale=C --no-sync \
    >"$folder/initdb.log" 2>&1 || {
    cat "$folder/initdb.log" >&2
    exit 1
}
# What it holds lives no longer than the tests, so nothing waits for a disk.
"${run[@]}" postgres -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off -c full_page_writes=off \
    -c max_connections=300 -c logging_collector=off </dev/null >"$folder/server.log" 2>&1 &
server=$!
for _ in $(seq 200); do
    if "${run[@]}" pg_isready --quiet --host="$folder" --username=trunkline; then
        echo "postgres://trunkline@localhost/postgres?host=$folder"
        cat >/dev/null
        exit 0
    fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
done
echo "PostgreSQL did not start:" >&2
cat "$folder/server.log" >&2
exit 1
