-- A database and a role for each service, on a new cluster: no role can connect to another's database.
-- The passwords are for one machine; production gives each role one of its own.

-- An open writing transaction anywhere in the cluster holds every reader of every event log back.
ALTER ROLE ALL SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE ALL SET transaction_timeout = '2min';

REVOKE ALL ON DATABASE postgres FROM PUBLIC;
REVOKE ALL ON DATABASE template1 FROM PUBLIC;

CREATE ROLE enrollment LOGIN PASSWORD 'enrollment' CONNECTION LIMIT 45;
CREATE DATABASE enrollment OWNER enrollment;
REVOKE ALL ON DATABASE enrollment FROM PUBLIC;

CREATE ROLE matching LOGIN PASSWORD 'matching' CONNECTION LIMIT 45;
CREATE DATABASE matching OWNER matching;
REVOKE ALL ON DATABASE matching FROM PUBLIC;

CREATE ROLE sessions LOGIN PASSWORD 'sessions' CONNECTION LIMIT 45;
CREATE DATABASE sessions OWNER sessions;
REVOKE ALL ON DATABASE sessions FROM PUBLIC;

CREATE ROLE feedback LOGIN PASSWORD 'feedback' CONNECTION LIMIT 45;
CREATE DATABASE feedback OWNER feedback;
REVOKE ALL ON DATABASE feedback FROM PUBLIC;
