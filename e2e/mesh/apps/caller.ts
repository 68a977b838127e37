/**
 * An app that calls: `GET /call?url=…&by=fetch|request|agent|keep-alive` asks the URL in that way of Node's and answers
 * `{status, body}`. It knows nothing of the mesh; what takes its calls there is in its environment.
 */
import { Agent, createServer, get } from 'node:http';

interface Called {
  readonly status: number;
  readonly body: string;
}

const keepAlive = new Agent({ keepAlive: true, maxSockets: 4 });

const agents: Readonly<Record<string, () => Agent | undefined>> = {
  request: () => undefined,
  agent: () => new Agent(),
  'keep-alive': () => keepAlive,
};

function request(url: string, agent: Agent | undefined): Promise<Called> {
  return new Promise((resolve, reject) => {
    get(url, agent ? { agent } : {}, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    }).on('error', reject);
  });
}

async function call(url: string, by: string): Promise<Called> {
  const agent = agents[by];
  if (agent) return request(url, agent());
  const response = await fetch(url);
  return { status: response.status, body: await response.text() };
}

const server = createServer((incoming, response) => {
  const { searchParams } = new URL(incoming.url ?? '/', 'http://local');
  const answer = (called: Called): void => void response.end(JSON.stringify(called));
  call(searchParams.get('url') ?? '', searchParams.get('by') ?? '').then(answer, (error: unknown) =>
    answer({ status: 0, body: String(error) }),
  );
});
server.listen(Number(process.env.PORT), '127.0.0.1');

const stop = (): void => {
  keepAlive.destroy();
  server.close(() => process.exit(0));
  server.closeIdleConnections();
};
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
