# Shared by `backup` and `restore`: the store of the cluster, and the format of its backups.
#
# A backup is a directory. `manifest` lists its files; each line has fields that are separated by tabs:
#
#   logpulse-cluster-backup  1                                   the version of the format
#   began    2026-11-27T10:00:00Z                                every entry acknowledged before is in the backup
#   created  2026-11-20 09:00:00                                 when the store was created, which tells it from others
#   file     <table>  <day>  <state>  <bytes>  <sha256>  <name>  the rows of a day, or the schema (without a day)
#   end      <sha256>                                            the checksum of the lines above

FORMAT=$'logpulse-cluster-backup\t1'
DATABASE=${DATABASE:-logpulse_db}
COMPOSE=(docker compose --env-file .env -f deployments/compose.yaml)

fail() {
    echo "$*" >&2
    exit 1
}

# Runs a program in the container of MySQL, as MySQL's root user.
in_mysql() {
    "${COMPOSE[@]}" exec -T mysql sh -c 'MYSQL_PWD=$MYSQL_ROOT_PASSWORD exec "$@"' sh "$@"
}

# Runs SQL, and prints the rows with tabs between the columns.
sql() {
    in_mysql mysql --user=root --batch --skip-column-names --execute="$1" "$DATABASE" </dev/null
}

# Prints the tables of entries: one for each class.
entry_tables() {
    sql "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'
         AND (table_name = 'log_entries' OR table_name LIKE 'log\\_entries\\_%') ORDER BY table_name"
}

sha256() {
    sha256sum "$@" | cut -d ' ' -f 1
}

bytes() {
    wc -c <"$1" | tr -d ' '
}

# Checks that the manifest is complete and that this version can read it.
check_manifest() {
    local first expected
    first=$(head -n 1 "$1")
    [ "$first" = "$FORMAT" ] || case $first in
        logpulse-cluster-backup*) fail "$1 was written by a newer version of LogPulse; use that version" ;;
        *) fail "$1 is damaged: it does not begin as a manifest; use another backup" ;;
    esac
    expected=$(tail -n 1 "$1" | cut -f 2)
    [ "$(head -n -1 "$1" | sha256)" = "$expected" ] ||
        fail "$1 is damaged: its checksum differs; use another backup"
}

# Checks that the services are those of the compose file.
check_settings() {
    local setting
    for setting in STORE_URL QUEUE_URL; do
        [ -z "${!setting:-}" ] && ! grep -q "^$setting=." .env ||
            fail "$setting must be empty: only Kafka and MySQL of the compose file are backed up and restored"
    done
}
