/** Tag of the base image that set-up provides, from a registry or from distribution packages. */
export const BASE_IMAGE = "overcloud-base:trixie";
