import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { stepCommand } from "../step/step.ts";
import { deriveCredentials, type Credentials } from "./derive.ts";

export interface CredentialSeedArgs {
  /** Folder of the stack's logs and locks. */
  directory: string;
}

/** The stack's one generated secret. It is made once, lives encrypted in the stack's state and goes with the stack. */
export class CredentialSeed extends pulumi.ComponentResource {
  /** All credentials of the cloud; secret. */
  readonly credentials: pulumi.Output<Credentials>;

  constructor(name: string, args: CredentialSeedArgs, options?: pulumi.ComponentResourceOptions) {
    super("overcloud:index:CredentialSeed", name, {}, options);
    const generate = new command.local.Command(
      name,
      stepCommand(name, {
        directory: args.directory,
        run: { action: "credentials/generate" },
        progress: false,
      }),
      {
        parent: this,
        additionalSecretOutputs: ["stdout", "stderr"],
        // Whatever changes around it, the seed of a living cloud stays.
        ignoreChanges: ["create", "dir", "interpreter", "logging", "addPreviousOutputInEnv"],
      },
    );
    this.credentials = pulumi.secret(
      generate.stdout.apply((json) => deriveCredentials(JSON.parse(json) as string)),
    );
    this.registerOutputs({});
  }
}
