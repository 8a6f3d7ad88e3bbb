import * as release from "@codeartifact-release/pulumi";

const endpoint = "file:.registry"; // a registry in this folder; leave `endpoint` out for AWS
const payments = { namespace: "acme", package: "payments", domain: "acme", endpoint };

const dev = new release.PackageVersion("dev", {
    ...payments,
    version: "1.0.0",
    repository: "dev",
    assets: ["dist/*"],
});

const staging = new release.Promotion("staging", {
    ...payments,
    version: dev.version,
    repository: "staging",
    source: { domain: "acme", repository: "dev", endpoint, revision: dev.revision }, // after dev is published
    digest: dev.digest, // these bytes, no others
});

// Downloads the assets and verifies them against the digest.
const downloaded = release.getPackageVersionFilesOutput(
    { ...payments, version: staging.version, repository: "staging", digest: dev.digest },
    { dependsOn: [staging] }, // so that the first preview does not read it
);

export const digest = dev.digest;
export const zip = downloaded.files.apply(files => files["payments.zip"]);
