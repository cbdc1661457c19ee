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

# cables up|down CONTAINER...: pulls or plugs their network cables.
cables() {
  state=$1
  shift
  wired=
  for container; do
    if spans_hosts "$container"; then
      cards "$state" "$container"
    else
      wired="$wired $container"
    fi
  done
  [ -z "$wired" ] || ends "$state" $wired
}

# spans_hosts CONTAINER: whether it is on networks of a swarm.
spans_hosts() {
  networks=$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.NetworkID}} {{end}}' "$1" < /dev/null)
  docker network inspect --format '{{.Driver}}' $networks < /dev/null | grep -qx overlay
}

# ends up|down CONTAINER...: the host's ends of the cables. Nothing inside the containers changes, no route and no published
# port is lost. A container of the same image does it, so that docker's rights are enough.
ends() {
  state=$1
  shift
  indexes=$(for container; do docker exec "$container" cat /sys/class/net/eth0/iflink < /dev/null; done)
  image=$(docker inspect --format '{{.Image}}' "$1" < /dev/null)
  docker run --rm --network host --cap-drop ALL --cap-add NET_ADMIN --entrypoint sh "$image" -c '
    state=$1; shift
    ip -o link | awk -F "[:@ ]+" -v wanted=" $* " "index(wanted, \" \" \$1 \" \") { print \$2, /[<,]UP[,>]/ ? \"up\" : \"down\" }" |
      while read -r name now; do
        [ "$now" = "$state" ] || { ip link set "$name" "$state"; echo changed; }
      done' sh "$state" $indexes < /dev/null
}

# cards up|down CONTAINER: the container's cards in a swarm's networks, whose other ends are where docker alone is; again by
# a container of the same image, in the same network. The way of published ports, which the default route goes by, stays.
cards() {
  image=$(docker inspect --format '{{.Image}}' "$2" < /dev/null)
  docker run --rm --network "container:$2" --cap-drop ALL --cap-add NET_ADMIN --entrypoint sh "$image" -c '
    out=$(ip -4 route show default | sed -n "s/.* dev \([^ ]*\).*/\1/p")
    ip -o link show type veth | awk -F "[:@ ]+" "{ print \$2, /[<,]UP[,>]/ ? \"up\" : \"down\" }" |
      while read -r name now; do
        [ "$name" = "$out" ] || [ "$now" = "$1" ] || { ip link set "$name" "$1"; echo changed; }
      done' sh "$1" < /dev/null
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
