// Ranks two weak models for a strong one, from arrays: node rank.mjs HOST:PORT PROTOS [CA.pem TOKEN]
import { randomUUID } from "node:crypto";
import { call, connect, tensor, watch } from "./service.mjs";

const [address = "127.0.0.1:50051", protos = "../../../protos", rootCertificates, token] = process.argv.slice(2);
const { ranking, predictor } = connect(address, { protos, rootCertificates, token });

// A strong model's features of 64 rows, a weak model that sees most of them, and one that sees none.
const noise = (seed) => () => ((seed = (seed * 48271) % 2147483647) / 2147483647) * 2 - 1;
const draw = noise(7);
const strong = Array.from({ length: 64 }, () => Array.from({ length: 8 }, draw));
const near = strong.map((row) => row.slice(0, 6).map((value) => value + 0.1 * draw()));
const far = strong.map(() => Array.from({ length: 6 }, draw));
const model = (name, rows) => ({ name, reference: "array:", values: tensor(rows) });
const query = {
  strong: model("strong", strong),
  weak: [model("near", near), model("far", far)],
  pool: { ids: strong.map((_, place) => `r${place}`) },
};

const { versions } = await call(predictor, "getServerInfo", {});
console.log(`server ${versions["w2s-predictor"]}`);

// The same request id and query make the same job, so the call is safe to repeat.
const request = { requestId: randomUUID(), query, labels: { client: "node" }, timeout: { seconds: 600 } };
const { job } = await call(ranking, "createRankingJob", request);
const again = await call(ranking, "createRankingJob", request);
console.log(`job ${job.id === again.job.id ? "made once" : "made twice"}`);

let last;
for await (last of watch(ranking, job.id)) if (last.progress) console.error(last.progress.phase, last.progress.candidate);
console.log(last.state);
for (const { rank, name, pBest } of last.ranking.candidates) console.log(rank, name, pBest > 0 && pBest <= 1);

const { jobs } = await call(ranking, "listRankingJobs", { filter: "labels.client = node AND state = SUCCEEDED" });
console.log(`listed ${jobs.some(({ id }) => id === job.id)}`);

// Every error has a reason for programs, and the field that is wrong.
const short = { ...tensor(far), data: Buffer.alloc(4) };
const broken = { ...query, weak: [model("near", near), { ...model("far", far), values: short }] };
await call(ranking, "createRankingJob", { requestId: randomUUID(), query: broken }).catch(({ code, reason, fields }) =>
  console.log(`refused ${code} ${reason} ${fields}`),
);
