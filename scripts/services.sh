#!/usr/bin/env bash
# Makes sure Redis, PostgreSQL and RabbitMQ answer on 127.0.0.1 at their default ports.
# PgBouncer is installed only: tests start it themselves.
# What already listens is used as it is. What is missing is installed from Debian's packages and started here, without systemd.
# PostgreSQL keeps fsync on: benchmarks measure it. Safe to run any number of times. Skip with LEX_SERVICES=external.
set -euo pipefail
[ "${LEX_SERVICES:-}" = external ] && exit 0

root=${LEX_SERVICES_DIR:-$(cd "$(dirname "$0")/.." && pwd)/.services}
redis_port=${REDIS_PORT:-6379} pg_port=${PGPORT:-5432} amqp_port=${AMQP_PORT:-5672}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
await() { # NAME PORT SECONDS
  for ((i = 0; i < $3 * 10; i++)); do listening "$2" && return; sleep 0.1; done
  echo "$1 did not come up on 127.0.0.1:$2; see $root" >&2; tail -n 20 "$root"/*.log >&2 || true; exit 1
}
pg_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else echo "need root to run: $*" >&2; exit 1; fi; }

need=()
command -v openssl >/dev/null || need+=(openssl)
command -v redis-server >/dev/null || need+=(redis-server)
[ -n "$(pg_bin)" ] || need+=(postgresql)
[ -x /usr/sbin/pgbouncer ] || need+=(pgbouncer)
[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || need+=(rabbitmq-server)
if [ ${#need[@]} -gt 0 ]; then
  echo "installing ${need[*]}" >&2
  # RUNLEVEL=1 keeps Debian's install scripts from starting the packages' own services.
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' apt "${need[@]}" >&2 </dev/null
fi
mkdir -p "$root"

if ! listening "$redis_port"; then
  setsid redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --appendonly no --dir "$root" \
    </dev/null >"$root/redis.log" 2>&1 &
  await Redis "$redis_port" 10
fi

if ! listening "$pg_port"; then
  as=() data=$root/postgres
  if [ "$(id -u)" = 0 ]; then
    # PostgreSQL refuses to run as root, and its user must be able to reach the directory.
    as=(setpriv --reuid=postgres --regid=postgres --init-groups --) data=/var/tmp/lexigram-postgres-$pg_port
  fi
  mkdir -p "$data"; [ ${#as[@]} -eq 0 ] || chown postgres: "$data"
  if [ ! -f "$data/PG_VERSION" ]; then
    (cd /; "${as[@]}" "$(pg_bin)/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C --no-sync) >"$root/initdb.log" 2>&1
  fi
  rm -f "$data/postmaster.pid" # nothing listens on the port, so a left-over pid file is stale
  (cd /; exec setsid "${as[@]}" "$(pg_bin)/postgres" -D "$data" -p "$pg_port" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c max_connections=200) </dev/null >"$root/postgres.log" 2>&1 &
  await PostgreSQL "$pg_port" 30
fi

if ! listening "$amqp_port"; then
  mkdir -p "$root/rabbitmq"
  printf 'listeners.tcp.default = 127.0.0.1:%s\n' "$amqp_port" >"$root/rabbitmq/rabbitmq.conf"
  echo '[].' >"$root/rabbitmq/enabled_plugins"
  HOME=$root/rabbitmq RABBITMQ_NODENAME=lexigram@localhost RABBITMQ_DIST_PORT=$((amqp_port + 20000)) RABBITMQ_CONF_ENV_FILE=/dev/null \
    RABBITMQ_CONFIG_FILE=$root/rabbitmq/rabbitmq.conf RABBITMQ_ENABLED_PLUGINS_FILE=$root/rabbitmq/enabled_plugins \
    RABBITMQ_MNESIA_BASE=$root/rabbitmq/mnesia RABBITMQ_LOG_BASE=$root/rabbitmq/log RABBITMQ_PID_FILE=$root/rabbitmq/pid \
    ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
    setsid /usr/lib/rabbitmq/bin/rabbitmq-server </dev/null >"$root/rabbitmq.log" 2>&1 &
  await RabbitMQ "$amqp_port" 60
fi
echo "services up: redis :$redis_port, postgres :$pg_port, rabbitmq :$amqp_port" >&2
