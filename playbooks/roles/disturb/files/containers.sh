# containers.sh break|restore|restart WAY CONTAINER...: to all of them at once, with docker alone.
# Prints "changed" when it did something. Programs get no standard input: this script is read from there.
set -eu
verb=$1
way=$2
shift 2

# states STATE...: the containers that are in one of the states.
states() {
  docker inspect --format '{{.State.Status}} {{.Name}}' $containers < /dev/null | while read -r state name; do
    case " $* " in *" $state "*) printf '%s\n' "${name#/}" ;; esac
  done
}

# cables up|down CONTAINER...: pulls or plugs the host's end of their network cables. Nothing inside them changes, no
# route and no published port is lost. A container of the same image does it, so that docker's rights are enough.
cables() {
  state=$1
  shift
  [ $# -gt 0 ] || return 0
  indexes=$(for container; do docker exec "$container" cat /sys/class/net/eth0/iflink < /dev/null; done)
  image=$(docker inspect --format '{{.Image}}' "$1" < /dev/null)
  docker run --rm --network host --cap-drop ALL --cap-add NET_ADMIN --entrypoint sh "$image" -c '
    state=$1; shift
    ip -o link | awk -F "[:@ ]+" -v wanted=" $* " "index(wanted, \" \" \$1 \" \") { print \$2, /[<,]UP[,>]/ ? \"up\" : \"down\" }" |
      while read -r name now; do
        [ "$now" = "$state" ] || { ip link set "$name" "$state"; echo changed; }
      done' sh "$state" $indexes < /dev/null
}

containers=$*
case "$verb $way" in
  "break kill") docker kill "$@" < /dev/null > /dev/null; echo changed ;;
  "break pause") docker pause "$@" < /dev/null > /dev/null; echo changed ;;
  "break cut") cables down "$@" ;;
  restart*) docker restart -t 30 "$@" < /dev/null > /dev/null; echo changed ;;
  restore*)
    paused=$(states paused)
    stopped=$(states exited created dead)
    [ -z "$paused" ] || { docker unpause $paused < /dev/null > /dev/null; echo changed; }
    [ -z "$stopped" ] || { docker start $stopped < /dev/null > /dev/null; echo changed; }
    # What was killed or paused kept its cable.
    [ "$way" != cut ] || cables up $(states running)
    ;;
  *) echo "unknown: $verb $way" >&2; exit 2 ;;
esac
