BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE approvals (
	place INTEGER NOT NULL, 
	approval_id TEXT NOT NULL, 
	turn_id TEXT NOT NULL, 
	request_id TEXT NOT NULL, 
	call_id TEXT NOT NULL, 
	tool_name TEXT NOT NULL, 
	arguments TEXT NOT NULL, 
	diffs TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	requester TEXT, 
	asked_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	state TEXT NOT NULL, 
	decided_by TEXT, 
	decided_at DATETIME, 
	cause TEXT, 
	card_channel TEXT, 
	card_ts TEXT, 
	card_closed_at DATETIME, 
	PRIMARY KEY (place), 
	FOREIGN KEY(turn_id) REFERENCES turns (turn_id), 
	UNIQUE (approval_id)
);
INSERT INTO "approvals" VALUES(1,'ap-1','1-ada','perm-1','call-1','Bash','{"command": "ls"}','[]','digest','U1','2026-03-01 12:00:00.000000','2026-03-01 12:15:00.000000','pending',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE bindings (
	binding_id INTEGER NOT NULL, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	thread_ts TEXT NOT NULL, 
	teammate TEXT NOT NULL, 
	server TEXT NOT NULL, 
	agent_id TEXT, 
	conversation_id TEXT, 
	cwd TEXT, 
	last_seen INTEGER, 
	last_addressed INTEGER NOT NULL, 
	last_started_at DATETIME, 
	PRIMARY KEY (binding_id), 
	FOREIGN KEY(last_addressed) REFERENCES messages (message_id), 
	FOREIGN KEY(last_seen) REFERENCES messages (message_id), 
	CONSTRAINT bindings_once UNIQUE (team, channel, thread_ts, teammate)
);
INSERT INTO "bindings" VALUES(1,'T1','C1','1.000000','ada','main',NULL,NULL,NULL,NULL,2,NULL);
INSERT INTO "bindings" VALUES(2,'T1','C1','2.000000','grace','main',NULL,NULL,NULL,NULL,3,NULL);
CREATE TABLE event_log (
	place INTEGER NOT NULL, 
	logged_at DATETIME NOT NULL, 
	direction TEXT NOT NULL, 
	agent_id TEXT, 
	conversation_id TEXT, 
	kind TEXT NOT NULL, 
	size_bytes INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (place)
);
INSERT INTO "event_log" VALUES(1,'2026-11-26 14:13:50.542401','in',NULL,NULL,'turn_finished',24,'{"type":"turn_finished"}');
CREATE TABLE gaps (
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	since_ts TEXT NOT NULL, 
	cause TEXT NOT NULL, 
	openings INTEGER NOT NULL, 
	PRIMARY KEY (team, channel)
);
INSERT INTO "gaps" VALUES('T1','','3.000000','away',1);
CREATE TABLE hearing (
	team TEXT NOT NULL, 
	begun_ts TEXT NOT NULL, 
	heard_ts TEXT NOT NULL, 
	PRIMARY KEY (team)
);
INSERT INTO "hearing" VALUES('T1','3.000000','3.000000');
CREATE TABLE messages (
	message_id INTEGER NOT NULL, 
	event_id TEXT, 
	team TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	ts TEXT NOT NULL, 
	thread_ts TEXT NOT NULL, 
	speaker TEXT NOT NULL, 
	author TEXT NOT NULL, 
	trusted BOOLEAN NOT NULL, 
	received_at DATETIME NOT NULL, 
	edited_ts TEXT, 
	deleted_at DATETIME, 
	body TEXT NOT NULL, 
	files TEXT NOT NULL, 
	PRIMARY KEY (message_id), 
	UNIQUE (event_id), 
	CONSTRAINT messages_once UNIQUE (team, channel, ts)
);
INSERT INTO "messages" VALUES(1,'Ev1','T1','C1','1.000000','1.000000','person','U1',1,'2026-03-01 12:00:00.000000',NULL,NULL,'the first question','');
INSERT INTO "messages" VALUES(2,'Ev2','T1','C1','2.000000','1.000000','person','U1',1,'2026-03-01 12:00:00.000000',NULL,NULL,'and the second','');
INSERT INTO "messages" VALUES(3,'Ev3','T1','C1','3.000000','2.000000','person','U1',1,'2026-03-01 12:00:00.000000',NULL,NULL,'for grace','');
CREATE TABLE outbox (
	place INTEGER NOT NULL, 
	outbox_id TEXT NOT NULL, 
	turn_id TEXT, 
	kind TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	channel TEXT NOT NULL, 
	thread_ts TEXT, 
	state TEXT NOT NULL, 
	ts TEXT, 
	payload_hash TEXT, 
	teammate TEXT, 
	about TEXT, 
	payload TEXT, 
	said TEXT, 
	reason TEXT, 
	planned_at DATETIME NOT NULL, 
	PRIMARY KEY (place), 
	FOREIGN KEY(turn_id) REFERENCES turns (turn_id), 
	UNIQUE (outbox_id)
);
INSERT INTO "outbox" VALUES(1,'note-1',NULL,'notice',0,'C1','1.000000','planned',NULL,NULL,NULL,NULL,'{"text":"Stopped.","blocks":[],"face":{"name":"Ada","icon_emoji":":owl:","icon_url":null}}',NULL,NULL,'2026-03-01 12:00:00.000000');
INSERT INTO "outbox" VALUES(2,'card-1','1-ada','card',0,'C1','1.000000','planned',NULL,NULL,NULL,'ap-1',NULL,NULL,NULL,'2026-03-01 12:00:00.000000');
CREATE TABLE spares (
	server TEXT NOT NULL, 
	name TEXT NOT NULL, 
	agent_id TEXT NOT NULL, 
	conversation_id TEXT NOT NULL, 
	PRIMARY KEY (server, name)
);
INSERT INTO "spares" VALUES('main','ada','agent-1','conv-9');
CREATE TABLE teammates (
	server TEXT NOT NULL, 
	name TEXT NOT NULL, 
	agent_id TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (server, name)
);
INSERT INTO "teammates" VALUES('main','ada','agent-1','2026-03-01 12:00:00.000000');
CREATE TABLE turn_messages (
	message_id INTEGER NOT NULL, 
	binding_id INTEGER NOT NULL, 
	turn_id TEXT NOT NULL, 
	PRIMARY KEY (message_id, binding_id), 
	FOREIGN KEY(binding_id) REFERENCES bindings (binding_id), 
	FOREIGN KEY(message_id) REFERENCES messages (message_id), 
	FOREIGN KEY(turn_id) REFERENCES turns (turn_id)
);
INSERT INTO "turn_messages" VALUES(1,1,'1-ada');
INSERT INTO "turn_messages" VALUES(2,1,'2-ada');
INSERT INTO "turn_messages" VALUES(3,2,'3-grace');
CREATE TABLE turns (
	place INTEGER NOT NULL, 
	turn_id TEXT NOT NULL, 
	binding_id INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	unprompted BOOLEAN NOT NULL, 
	lease TEXT, 
	attempt INTEGER NOT NULL, 
	client_message_id TEXT, 
	created_at DATETIME NOT NULL, 
	claimed_at DATETIME, 
	ended_at DATETIME, 
	outcome TEXT, 
	cause TEXT, 
	stop_asked_by TEXT, 
	prompt_tokens INTEGER, 
	completion_tokens INTEGER, 
	duration_s DOUBLE, 
	PRIMARY KEY (place), 
	FOREIGN KEY(binding_id) REFERENCES bindings (binding_id), 
	UNIQUE (turn_id)
);
INSERT INTO "turns" VALUES(1,'1-ada',1,'active',0,'this process',0,NULL,'2026-03-01 12:00:00.000000','2026-03-01 12:00:00.000000',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "turns" VALUES(2,'2-ada',1,'waiting',0,NULL,0,NULL,'2026-03-01 12:00:00.000000',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "turns" VALUES(3,'3-grace',2,'ended',0,'this process',0,NULL,'2026-03-01 12:00:00.000000','2026-03-01 12:00:00.000000','2026-03-01 12:00:00.000000','done',NULL,NULL,10,2,1.5);
CREATE INDEX messages_of_thread ON messages (team, channel, thread_ts, message_id);
CREATE INDEX messages_with_text ON messages (received_at) WHERE body <> '' OR files <> '';
CREATE INDEX bindings_of_runtime ON bindings (conversation_id, agent_id);
CREATE UNIQUE INDEX turns_one_active ON turns (binding_id) WHERE state = 'active';
CREATE INDEX turns_unfinished ON turns (binding_id, place) WHERE state <> 'ended';
CREATE INDEX turns_begun ON turns (binding_id, place) WHERE claimed_at IS NOT NULL;
CREATE INDEX approvals_of_turn ON approvals (turn_id);
CREATE INDEX approvals_not_closed ON approvals (place) WHERE card_ts IS NOT NULL AND card_closed_at IS NULL;
CREATE INDEX approvals_open ON approvals (place) WHERE state = 'pending';
CREATE INDEX approvals_with_text ON approvals (asked_at) WHERE arguments <> '' AND state <> 'pending';
CREATE INDEX outbox_of_turn ON outbox (turn_id, seq);
CREATE INDEX outbox_owed ON outbox (place) WHERE payload IS NOT NULL;
CREATE INDEX outbox_about ON outbox (about) WHERE about IS NOT NULL;
CREATE INDEX outbox_posts ON outbox (channel, ts) WHERE ts IS NOT NULL;
CREATE INDEX turn_messages_of_turn ON turn_messages (turn_id, message_id);
COMMIT;
