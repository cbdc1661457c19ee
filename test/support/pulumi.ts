import * as pulumi from "@pulumi/pulumi";

/** How Pulumi marks a secret and an unknown value on their way to the engine. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** One resource as the engine would have got it. */
export interface Registration {
  type: string;
  name: string;
  urn: string;
  parent: string;
  /** URN and id of the provider that it was given; empty for its package's own. */
  provider: string;
  /** Inputs with secrets in the clear. */
  inputs: Record<string, unknown>;
  /** The same as JSON with `"[secret]"` for each secret: what anybody can read in state. */
  readable: string;
  /** Top-level inputs that are secret as a whole. */
  secrets: string[];
  dependencies: string[];
  deletedWith: string;
  deleteBeforeReplace: boolean;
  secretOutputs: string[];
  ignoreChanges: string[];
  replaceOnChanges: string[];
  protect: boolean;
}

/** The protocol's message, as far as it is read here. */
interface Request {
  getType(): string;
  getName(): string;
  getParent(): string;
  getProvider(): string;
  getObject(): { toJavaScript(): Record<string, unknown> } | undefined;
  getDependenciesList(): string[];
  getDeletedwith(): string;
  getDeletebeforereplace(): boolean;
  getAdditionalsecretoutputsList(): string[];
  getIgnorechangesList(): string[];
  getReplaceonchangesList(): string[];
  getProtect(): boolean;
}

interface Response {
  getUrn(): string;
}

type Callback = (error: unknown, response: Response) => void;

const isSecret = (value: unknown): value is { value: unknown } =>
  typeof value === "object" &&
  value !== null &&
  (value as Record<string, unknown>)[SIGNATURE] === SECRET;

function replaceSecrets(value: unknown, replace: (secret: unknown) => unknown): unknown {
  if (isSecret(value)) return replace(value.value);
  if (Array.isArray(value)) return value.map((each) => replaceSecrets(each, replace));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, replaceSecrets(each, replace)]),
  );
}

export const isUnknown = (value: unknown): boolean => value === UNKNOWN;

/**
 * Runs a program of components against a mocked engine, in preview or update mode, and records what it registers.
 * @param outputs what a provider answers in update mode, besides the inputs; in a preview nothing but inputs is known
 */
export async function record<T>(
  preview: boolean,
  program: () => T | Promise<T>,
  outputs: (type: string, name: string) => Record<string, unknown> = () => ({}),
): Promise<{ resources: Registration[]; value: T }> {
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => ({
        id: preview ? undefined : `${name}-id`,
        state: { ...(inputs as object), ...(preview ? {} : outputs(type, name)) },
      }),
      call: () => ({}),
    },
    "overcloud",
    "lab",
    preview,
  );
  const resources: Registration[] = [];
  let pending = 0;
  const monitor = pulumi.runtime.getMonitor() as unknown as {
    registerResource: (request: Request, callback: Callback) => Promise<void>;
  };
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = async (request, callback) => {
    pending += 1;
    await register(request, (error, response) => {
      if (!error) resources.push(read(request, response.getUrn()));
      callback(error, response);
    });
    pending -= 1;
  };
  const value = await program();
  for (let quiet = 0, seen = 0; quiet < 100; quiet += 1) {
    await new Promise(setImmediate);
    if (pending > 0 || resources.length !== seen) quiet = 0;
    seen = resources.length;
  }
  return { resources, value };
}

function read(request: Request, urn: string): Registration {
  const raw = request.getObject()?.toJavaScript() ?? {};
  return {
    type: request.getType(),
    name: request.getName(),
    urn,
    parent: request.getParent(),
    provider: request.getProvider(),
    inputs: replaceSecrets(raw, (secret) => replaceSecrets(secret, (inner) => inner)) as Record<
      string,
      unknown
    >,
    readable: JSON.stringify(replaceSecrets(raw, () => "[secret]")),
    secrets: Object.keys(raw).filter((key) => isSecret(raw[key])),
    dependencies: request.getDependenciesList(),
    deletedWith: request.getDeletedwith(),
    deleteBeforeReplace: request.getDeletebeforereplace(),
    secretOutputs: request.getAdditionalsecretoutputsList(),
    ignoreChanges: request.getIgnorechangesList(),
    replaceOnChanges: request.getReplaceonchangesList(),
    protect: request.getProtect(),
  };
}

/** The value of an output, whether or not it is known; fails where it is not. */
export function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => output.apply(resolve));
}
