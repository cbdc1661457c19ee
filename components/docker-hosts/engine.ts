/** How a docker engine is reached. Without an address, it is the one that docker's own programs find: this machine's. */
export interface Engine {
  /** unix:///SOCKET, ssh://USER@HOST or tcp://HOST:PORT. */
  docker?: string | undefined;
  /** Folder with ca.pem, cert.pem and key.pem, for tcp. */
  certificates?: string | undefined;
}

/** Variables by which docker's programs, and whatever else reads them, turn to an engine; none for this machine's. */
export function engineEnvironment({ docker, certificates }: Engine): Record<string, string> {
  if (docker === undefined) return {};
  return {
    DOCKER_HOST: docker,
    // They would go before the address, or hold for another engine.
    DOCKER_CONTEXT: "",
    DOCKER_TLS_VERIFY: certificates === undefined ? "" : "1",
    DOCKER_CERT_PATH: certificates ?? "",
  };
}

/** Options of `docker` that say the same as the variables, where variables can't be set. */
export function engineOptions({ docker, certificates }: Engine): string[] {
  if (docker === undefined) return [];
  if (certificates === undefined) return ["--host", docker];
  return [
    ...["--host", docker, "--tlsverify", "--tlscacert", `${certificates}/ca.pem`],
    ...["--tlscert", `${certificates}/cert.pem`, "--tlskey", `${certificates}/key.pem`],
  ];
}
