// Good - use credentials from params/config
async run(params) {
const apiKey = params.apiKey; // Pass in each time
// ... use apiKey
}
