// The service as seen from its .proto files: stubs, tensors, and errors with their reason.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const here = dirname(fileURLToPath(import.meta.url));

/** Clients of RankingService and PredictorService at HOST:PORT; `token` needs TLS. */
export function connect(address, { protos, token, rootCertificates } = {}) {
  const options = { keepCase: false, longs: Number, enums: String, defaults: true, oneofs: true, includeDirs: [protos] };
  const files = ["ranking_service", "predictor_service"].map((name) => `w2s/v1/${name}.proto`);
  const { w2s } = grpc.loadPackageDefinition(loader.loadSync(files, options));
  const serviceConfig = readFileSync(join(protos, "service_config.json"), "utf8");
  const tls = rootCertificates ? grpc.credentials.createSsl(readFileSync(rootCertificates)) : grpc.credentials.createInsecure();
  const bearer = (_, done) => {
    const metadata = new grpc.Metadata();
    metadata.set("authorization", `Bearer ${token}`);
    done(null, metadata);
  };
  const credentials = token ? grpc.credentials.combineChannelCredentials(tls, grpc.credentials.createFromMetadataGenerator(bearer)) : tls;
  const channel = { "grpc.service_config": serviceConfig, "grpc.keepalive_time_ms": 30000 };
  return {
    ranking: new w2s.v1.RankingService(address, credentials, channel),
    predictor: new w2s.v1.PredictorService(address, credentials, channel),
  };
}

/** One unary call with a deadline; rejects with a ServiceError. */
export function call(client, method, request, seconds = 30) {
  const deadline = new Date(Date.now() + seconds * 1000);
  return new Promise((resolve, reject) => {
    client[method](request, { deadline }, (error, answer) => (error ? reject(described(error)) : resolve(answer)));
  });
}

/** Every state of a job up to the last, through broken connections. */
export async function* watch(client, id) {
  let afterRevision = 0;
  for (let failures = 0; ; ) {
    try {
      for await (const { job } of client.watchRankingJob({ id, afterRevision })) {
        if (!job) continue; // a heartbeat
        failures = 0;
        afterRevision = job.revision;
        yield job;
      }
      return;
    } catch (error) {
      if (error.code !== grpc.status.UNAVAILABLE || ++failures > 10) throw described(error);
      await new Promise((resolve) => setTimeout(resolve, 200 * failures));
    }
  }
}

/** Rows of numbers as a Tensor: little-endian float32, row-major. */
export function tensor(rows) {
  const data = Buffer.alloc(4 * rows.length * rows[0].length);
  rows.flat().forEach((value, place) => data.writeFloatLE(value, 4 * place));
  return { data, shape: [rows.length, rows[0].length], dtype: "DTYPE_FLOAT32" };
}

const errors = loader.loadSync(join(here, "status.proto"), { longs: Number, defaults: true });
const decode = (name, bytes) => errors[name].deserialize(bytes);

/** The error with `reason`, `fields` and `retrySeconds` of its google.rpc.Status. */
export function described(error) {
  const [raw] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!raw) return error;
  for (const { type_url, value } of decode("google.rpc.Status", raw).details) {
    const name = type_url.split("/").pop();
    if (name === "google.rpc.ErrorInfo") error.reason = decode(name, value).reason;
    if (name === "google.rpc.BadRequest") error.fields = decode(name, value).fieldViolations.map(({ field }) => field);
    if (name === "google.rpc.RetryInfo") {
      const { seconds, nanos } = decode(name, value).retryDelay;
      error.retrySeconds = Number(seconds) + nanos / 1e9;
    }
  }
  return error;
}
