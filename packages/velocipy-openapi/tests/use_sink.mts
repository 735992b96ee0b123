// What docs/openapi.md says of TypeScript, on the whole kitchen sink: the types hold, and a real server understands.
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

declare const process: { argv: string[] };

const client = createClient<paths>({ baseUrl: process.argv[2]! });
const check = (truth: unknown, what: string): void => {
  if (!truth) throw new Error(what);
};

const made = await client.POST("/items", { body: { name: "mug", price: 4.5 } });
check(made.response.status === 201 && made.data?.color === "red" && made.data.tags.length === 0, "made");
const refused = await client.POST("/items", { body: { name: "", price: -1 } });
check(refused.error && "detail" in refused.error && refused.response.status === 422, "refused");
const pets = await client.POST("/pets", { body: { type: "dog", name: "Rex" } });
check(pets.data?.[0]?.type === "dog", "pets");
const tree = await client.POST("/trees", { body: { tree: { value: 1, children: [{ value: 2 }] } } });
check(tree.data?.children[0]?.value === 2, "tree");
const sold = await client.POST("/customers", { body: { id: 1, fullName: "Ada" } });
check(sold.data?.data.fullName === "Ada", "sold");
const one = await client.GET("/u/{id}", { params: { path: { id: 3 } } });
check(one.response.ok, "one");
const versioned = await client.GET("/versioned", { params: { header: { "X-API-Version": "2" } } });
check(versioned.data?.total === 0, "versioned");
// @ts-expect-error: a price is a number
await client.POST("/items", { body: { name: "mug", price: "much" } });
console.log("understood");
