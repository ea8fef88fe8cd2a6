import {
  SESSION_DELETE,
  SESSION_END,
  SESSION_LIST,
  SESSION_PAGE,
  SESSION_SHOW,
  SESSIONS,
  type SessionRow,
  type SessionsAsk,
} from '../../admin/questions/mqtt-sessions.js';
import type { Page } from '../../admin/questions/question.js';
import { sessionKey } from '../../base/tenant-names.js';
import { type Answerer, type AskedNode, answerer } from './answerer.js';
import { cursorOf, partsOf } from './pages.js';

async function listSessions(node: AskedNode, { after, limit, match }: SessionsAsk): Promise<Page<SessionRow>> {
  const [seen] = partsOf(after, 1);
  const { sessions, silent } = SESSION_LIST.parse(await node.answer({ verb: 'session-list', after: seen, limit, match }));
  const last = sessions.at(-1);
  return { items: sessions, next: sessions.length === limit && last !== undefined ? cursorOf(last.key) : null, silent };
}

export const SESSION_ANSWERS: readonly Answerer[] = [
  answerer(SESSIONS, listSessions),
  answerer(SESSION_SHOW, async (node, { tenant, clientId }) =>
    SESSION_PAGE.parse(await node.answer({ verb: 'session-show', clientId: sessionKey(tenant, clientId) })),
  ),
  answerer(SESSION_DELETE, async (node, { tenant, clientId }) => {
    SESSION_END.parse(await node.answer({ verb: 'session-delete', clientId: sessionKey(tenant, clientId) }));
    return { clientId };
  }),
];
