# node.sh break|restore|restart WAY DIRECTORY: the same for a service that s6 supervises; DIRECTORY is the supervisor's.
# s6 makes each service the leader of a process group of its own, which is broken as a whole.
set -eu
verb=$1
way=$2
directory=$3
if [ ! -d "$directory/supervise" ]; then
  echo "no service is supervised at $directory" >&2
  exit 1
fi
group=$(s6-svstat -o pid "$directory" < /dev/null)
case "$verb $way" in
  "break kill")
    # Once: not started again when it ends.
    s6-svc -o "$directory"
    kill -KILL -- "-$group"
    ;;
  "break pause") kill -STOP -- "-$group" ;;
  "break cut")
    echo "a service on a node shares the node's address with all others: it can be killed or paused, not cut off" >&2
    exit 1
    ;;
  restart*) s6-svc -r "$directory" ;;
  restore*)
    if [ "$group" = -1 ]; then
      s6-svc -u "$directory"
    else
      # Already running, or standing still; and from now on started again when it ends.
      case "$(ps -o stat= -p "$group")" in
        T*) kill -CONT -- "-$group" ;;
        *) s6-svc -u "$directory"; exit 0 ;;
      esac
    fi
    ;;
  *) echo "unknown: $verb $way" >&2; exit 2 ;;
esac
echo changed
