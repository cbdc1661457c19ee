/**
 * The text of a shell script that runs the OpenStack client of an image. The clouds file and the
 * user's OS_* variables go in; values of variables never stand on a command line.
 */
export function openstackScript(image: string): string {
  return `#!/bin/sh
# Written by set-up: the OpenStack client of the image ${image}, because this machine has none.
# The container sees OS_* variables, the clouds file, the certificate beside it and the current folder (read-only).
set -eu
case $PWD in / | /etc | /usr | /usr/* | /var | /lib | /bin) folder=/tmp ;; *) folder=$PWD ;; esac
set -- --entrypoint openstack ${image} "$@"
for name in $(env | sed -n 's/^\\(OS_[A-Za-z0-9_]*\\)=.*/\\1/p'); do
  [ "$name" = OS_CLIENT_CONFIG_FILE ] || set -- --env "$name" "$@"
done
if [ -n "\${OS_CLIENT_CONFIG_FILE:-}" ]; then
  clouds=$(realpath -- "$OS_CLIENT_CONFIG_FILE")
  set -- --volume "$clouds:/run/overcloud/clouds.yaml:ro" --env OS_CLIENT_CONFIG_FILE=/run/overcloud/clouds.yaml "$@"
fi
# What the cloud's certificates are verified against: the user's variable counts before the clouds file.
authority=\${OS_CACERT:-}
[ -n "$authority" ] || [ -z "\${clouds:-}" ] || authority=$(dirname -- "$clouds")/ca.pem
case $authority in /*) [ ! -f "$authority" ] || set -- --volume "$authority:$authority:ro" "$@" ;; esac
if [ -t 0 ] && [ -t 1 ]; then set -- --tty "$@"; fi
exec docker run --rm --interactive --network host --volume "$folder:$folder:ro" --workdir "$folder" "$@"
`;
}
