"""Says what one service has to say before an upgrade. Runs where the service runs; REQUEST comes before this text."""

import json
import os
import re
import subprocess
import time

COMMAND_SECONDS = 120

# Of which packages the version tells what a service runs.
PACKAGES = {
    "mariadb": ["mariadb-server"],
    "rabbitmq": ["rabbitmq-server"],
    "memcached": ["memcached"],
    "keystone": ["keystone", "python3-keystone"],
    "placement": ["placement-api", "python3-placement"],
    "glance": ["glance-api", "python3-glance"],
    "neutron-server": ["neutron-server", "python3-neutron"],
    "nova-api": ["nova-api", "python3-nova"],
    "nova-scheduler": ["nova-scheduler", "python3-nova"],
    "nova-conductor": ["nova-conductor", "python3-nova"],
    "ovn-nb-db": ["ovn-central", "ovn-common"],
    "ovn-sb-db": ["ovn-central", "ovn-common"],
    "ovn-northd": ["ovn-central", "ovn-common"],
}

OWN_SCHEMAS = "('information_schema', 'mysql', 'performance_schema', 'sys')"

STATUS = [
    "Uptime", "Questions", "Slow_queries", "Threads_connected", "Threads_running", "Max_used_connections",
    "Aborted_connects", "Innodb_row_lock_waits", "Innodb_row_lock_time", "Innodb_buffer_pool_reads",
    "Innodb_buffer_pool_read_requests", "Created_tmp_disk_tables", "Select_full_join",
]


def run(argv, accepted=(0,), text=None):
    ended = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=COMMAND_SECONDS + REQUEST["sample_seconds"])
    if ended.returncode not in accepted:
        raise SystemExit("{0} ended with {1}: {2}".format(argv[0], ended.returncode, ended.stderr.strip()[-300:]))
    return ended


def versions(service):
    ended = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Abbrev}\n"] + PACKAGES.get(service, []),
        capture_output=True, text=True, timeout=COMMAND_SECONDS,
    )
    words = [line.split() for line in ended.stdout.splitlines()]
    return {each[0]: each[1] for each in words if len(each) == 3 and each[2].startswith("ii")}


def checks(table):
    """nova-status's table, whose long details go over several lines."""
    found = []
    for line in table.splitlines():
        text = line.strip("| ").strip()
        key, colon, value = text.partition(": ")
        if line.startswith("+") or not text:
            continue
        if key == "Check" and colon:
            found.append({"check": value, "result": "", "details": ""})
        elif found and key in ("Result", "Details"):
            found[-1][key.lower()] = "" if value.strip() == "None" else value.strip()
        elif found:
            found[-1]["details"] = (found[-1]["details"] + " " + text).strip()
    return found


def nova_status():
    ended = run(["nova-status", "upgrade", "check"], accepted=(0, 1, 2))
    return {"outcome": {0: "success", 1: "warning", 2: "failure"}[ended.returncode], "checks": checks(ended.stdout)}


def sql(statements):
    """Rows of statements, each row as text by columns."""
    ended = run(["mariadb", "--batch", "--skip-column-names", "--raw"], text=statements)
    return [line.split("\t") for line in ended.stdout.splitlines()]


def digest(statement):
    """A statement without its values, so that those that differ in nothing else are one."""
    text = re.sub(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"", "?", statement)
    text = re.sub(r"\b\d+(\.\d+)?\b", "?", text)
    text = re.sub(r"\(\s*\?(?:\s*,\s*\?)+\s*\)", "(?, …)", text)
    return " ".join(text.split())[:400]


def tables():
    rows = sql(
        "SELECT table_schema, table_name, table_rows, data_length + index_length FROM information_schema.tables "
        "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN {0} "
        "ORDER BY data_length + index_length DESC, table_rows DESC;".format(OWN_SCHEMAS)
    )
    return [
        {"database": database, "table": table, "estimatedRows": int(count), "bytes": int(size)}
        for database, table, count, size in rows
    ]


def count_rows(table):
    """Rows of a table; None when counting takes too long."""
    statement = "SET STATEMENT max_statement_time={0} FOR SELECT COUNT(*) FROM `{1}`.`{2}`;".format(
        REQUEST["count_seconds"], table["database"], table["table"]
    )
    ended = subprocess.run(
        ["mariadb", "--batch", "--skip-column-names"], input=statement, capture_output=True, text=True,
        timeout=COMMAND_SECONDS,
    )
    return int(ended.stdout) if ended.returncode == 0 else None


def busiest_tables(watch):
    """What `watch` answers, and the tables whose rows were read most meanwhile. Counting them is on for that time only."""
    on = sql("SELECT @@userstat;") == [["1"]]
    try:
        sql("FLUSH TABLE_STATISTICS;" if on else "SET GLOBAL userstat = 1; FLUSH TABLE_STATISTICS;")
        answer = watch()
        rows = sql(
            "SELECT table_schema, table_name, rows_read, rows_changed FROM information_schema.table_statistics "
            "WHERE table_schema NOT IN {0} ORDER BY rows_read DESC LIMIT {1};".format(OWN_SCHEMAS, REQUEST["statements"])
        )
    finally:
        if not on:
            sql("SET GLOBAL userstat = 0;")
    keys = ["database", "table", "rowsRead", "rowsChanged"]
    return answer, [dict(zip(keys, [row[0], row[1], int(row[2]), int(row[3])])) for row in rows]


def running(seconds):
    """What ran, by looking ten times a second, which costs one short query each."""
    if seconds == 0:
        return {"samples": 0, "statements": []}
    look = (
        "SELECT id, db, ROUND(time_ms), REPLACE(REPLACE(info, '\\n', ' '), '\\t', ' ') FROM information_schema.processlist "
        "WHERE command IN ('Query', 'Execute') AND id <> CONNECTION_ID() AND info IS NOT NULL; DO SLEEP(0.1);"
    )
    began = time.time()
    found = {}
    samples = 0
    while time.time() - began < seconds:
        # Ten looks to a connection, so that connecting does not disturb what is looked at.
        rows = sql(look * 10)
        samples += 10
        for _, database, milliseconds, statement in rows:
            each = found.setdefault((database, digest(statement)), {"seen": 0, "longestMilliseconds": 0})
            each["seen"] += 1
            each["longestMilliseconds"] = max(each["longestMilliseconds"], float(milliseconds))
    ordered = sorted(found.items(), key=lambda item: -item[1]["seen"])[: REQUEST["statements"]]
    return {
        "samples": samples,
        "statements": [dict(each, database=database, statement=statement) for (database, statement), each in ordered],
    }


def digests():
    """What the performance schema has counted since it was last emptied; None where it is off."""
    if sql("SELECT @@performance_schema;") != [["1"]]:
        return None
    rows = sql(
        "SELECT IFNULL(schema_name, ''), count_star, ROUND(sum_timer_wait / 1e12, 3), ROUND(max_timer_wait / 1e12, 3), "
        "sum_rows_examined, REPLACE(REPLACE(digest_text, '\\n', ' '), '\\t', ' ') "
        "FROM performance_schema.events_statements_summary_by_digest WHERE digest_text IS NOT NULL "
        "ORDER BY sum_timer_wait DESC LIMIT {0};".format(REQUEST["statements"])
    )
    keys = ["database", "count", "seconds", "longestSeconds", "rowsExamined", "statement"]
    kinds = [str, int, float, float, int, lambda text: text[:400]]
    return [dict(zip(keys, (kind(value) for kind, value in zip(kinds, row)))) for row in rows]


def slow_log():
    """The slow query log's statements where it is on and in a table; None elsewhere."""
    if sql("SELECT @@slow_query_log, FIND_IN_SET('TABLE', @@log_output) > 0;") != [["1", "1"]]:
        return None
    rows = sql(
        "SELECT db, TIME_TO_SEC(query_time), REPLACE(REPLACE(CONVERT(sql_text USING utf8mb4), '\\n', ' '), '\\t', ' ') "
        "FROM mysql.slow_log ORDER BY start_time DESC LIMIT 1000;"
    )
    found = {}
    for database, seconds, statement in rows:
        each = found.setdefault((database, digest(statement)), {"count": 0, "seconds": 0.0})
        each["count"] += 1
        each["seconds"] = round(each["seconds"] + float(seconds), 3)
    ordered = sorted(found.items(), key=lambda item: -item[1]["seconds"])[: REQUEST["statements"]]
    return [dict(each, database=database, statement=statement) for (database, statement), each in ordered]


def mariadb():
    every = tables()
    for table in every[: REQUEST["counted_tables"]]:
        table["rows"] = count_rows(table)
    databases = {}
    for table in every:
        database = databases.setdefault(table["database"], {"tables": 0, "bytes": 0, "estimatedRows": 0})
        database["tables"] += 1
        database["bytes"] += table["bytes"]
        database["estimatedRows"] += table["estimatedRows"]
    status = sql("SHOW GLOBAL STATUS WHERE variable_name IN ({0});".format(", ".join("'%s'" % name for name in STATUS)))
    sampled, busiest = busiest_tables(lambda: running(REQUEST["sample_seconds"]))
    levels = sql("SELECT `binary`, MIN(version), MAX(version), COUNT(*) FROM nova.services WHERE deleted = 0 GROUP BY `binary`;")
    return {
        "version": sql("SELECT VERSION();")[0][0],
        "databases": databases,
        "tables": every[: max(REQUEST["counted_tables"], 20)],
        "status": {name: int(value) for name, value in status},
        "running": sampled,
        "busiestTables": busiest,
        # Both are off unless somebody turned them on.
        "digests": digests(),
        "slowLog": slow_log(),
        "novaServiceVersions": {
            name: {"lowest": int(low), "highest": int(high), "services": int(count)} for name, low, high, count in levels
        },
    }


def ovn(name):
    memory = run(["ovs-appctl", "-t", "/run/ovn/{0}.ctl".format(name), "memory/show"]).stdout
    return {
        "bytes": os.stat("/var/lib/ovn/{0}.db".format(name)).st_size,
        "memory": {key: int(value) for key, value in (pair.rsplit(":", 1) for pair in memory.split())},
    }


def collect(service):
    found = {"versions": versions(service)}
    if service == "mariadb":
        found.update(mariadb())
    elif service == "nova-conductor":
        found["novaStatus"] = nova_status()
    elif service in ("ovn-nb-db", "ovn-sb-db"):
        found.update(ovn("nb" if service == "ovn-nb-db" else "sb"))
    return found


if __name__ == "__main__":
    print(json.dumps(collect(REQUEST["service"])))
