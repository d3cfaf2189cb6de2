-- One row for each account. It holds no secret: those are connections of Airflow.
CREATE TABLE zoho_accounts (
    account_id text PRIMARY KEY CHECK (account_id ~ '^[A-Za-z0-9_-]{1,64}$'),
    client text NOT NULL,                     -- the OAuth client, as in CLIENTS of the DAG
    active boolean NOT NULL DEFAULT true,
    settings jsonb NOT NULL DEFAULT '{}'      -- of the tap, such as {"data_center": "eu"}
);
