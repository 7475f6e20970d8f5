// Seed 001's workflow, as written there. What the seed leaves open is supplied around it: the two services that it
// posts to, and what `create_issue({ ... })` is given.

class Service {
  constructor(private name: string, private server: string) {}

  private async post(method: string, body: unknown): Promise<any> {
    const url = `${this.server}/${this.name}/${method}`;
    return (await fetch(url, { method: "POST", body: JSON.stringify(body) })).json();
  }

  post_message(message: { channel: string; text: string }): Promise<{ ts: string }> {
    return this.post("post_message", message);
  }

  create_issue(issue: { title: string }): Promise<{ number: number }> {
    return this.post("create_issue", issue);
  }
}

export default class Weekly {
  slack!: Service;
  github!: Service;

  async *generate({ server }: { server: string }) {
    this.slack = new Service("slack", server);
    this.github = new Service("github", server);
    return yield* this.workflow();
  }

  private async *workflow() {
    // Step 1: Side effect (e.g., posting to Slack)
    const posted = await this.slack.post_message({ channel: '#eng', text: 'Hello' });
    yield { checkpoint: true, state: { step: 1, messageTs: posted.ts } };

    // Step 2: Another side effect (e.g., creating GitHub issue)
    const issue = await this.github.create_issue({ title: 'Hello' });
    yield { checkpoint: true, state: { step: 2, messageTs: posted.ts, issueNumber: issue.number } };

    return { posted, issue };
  }
}
