//! Settings that end with their transaction, and the tenants that they keep apart.

use anyorm::prelude::*;
use anyorm::{Begin, Isolation, Result, SessionFactory};

use crate::support::{Place, each};

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "notes")]
struct Note {
    #[key(auto)]
    id: i64,
    #[column(server_default(sql = "(current_setting('app.tenant')::bigint)"))]
    tenant: i64,
    text: String,
    #[has_many(Line::NOTE)]
    lines: HasMany<Line>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "lines")]
struct Line {
    #[key(auto)]
    id: i64,
    text: String,
    #[belongs_to]
    note: BelongsTo<Note>,
}

/// A role that policies are for: they are not for those who own the server.
struct Tenants {
    place: Place,
    role: String,
    engine: Engine,
}

impl Tenants {
    async fn new(place: Place) -> Result<Self> {
        place.engine.create_all(&schema![Note, Line]).await?;
        let (schema, role) = (place.schema.clone(), format!("{}_tenants", place.schema));
        place
            .run(&[
                "ALTER TABLE notes ENABLE ROW LEVEL SECURITY",
                "CREATE POLICY own ON notes USING (tenant = nullif(current_setting('app.tenant', true), '')::bigint)",
                &format!("CREATE ROLE {role} LOGIN"),
                &format!("GRANT USAGE ON SCHEMA {schema} TO {role}"),
                &format!("GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}"),
                &format!("GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"),
            ])
            .await?;
        // One connection, so that what is left on it would be met.
        let engine = Engine::builder(&place.url_as(&role)).connections(1).open().await?;
        Ok(Self { place, role, engine })
    }

    fn sessions(&self, tenant: i64) -> SessionFactory {
        SessionFactory::new(self.engine.clone()).setting("app.tenant", tenant)
    }

    /// What is set on the connection now.
    async fn left_behind(&self) -> Result<String> {
        let current = sql("SELECT coalesce(current_setting('app.tenant', true), '')").returning::<String>();
        self.engine.scalar(current).await
    }

    async fn end(self) -> Result<()> {
        self.engine.close().await?;
        let role = &self.role;
        self.place.run(&[&format!("DROP OWNED BY {role}"), &format!("DROP ROLE {role}")]).await
    }
}

#[test]
fn each_tenant_sees_its_own_rows_only() {
    each(|place| async move {
        let tenants = Tenants::new(place).await?;
        for tenant in [1, 2] {
            let mut session = tenants.sessions(tenant).session();
            let lines = vec![Line { text: format!("line of {tenant}"), ..Default::default() }];
            session.add(Note { text: format!("of {tenant}"), lines: lines.into(), ..Default::default() });
            session.commit().await?;
            assert_eq!(tenants.left_behind().await?, "");
        }
        for tenant in [1, 2] {
            let mut session = tenants.sessions(tenant).session();
            // Outside of a transaction, by a query, by raw SQL, and with a relation.
            let notes = session.all(Note::select().with(Note::LINES)).await?;
            assert_eq!(notes.len(), 1);
            assert_eq!(session[notes[0]].text, format!("of {tenant}"));
            assert_eq!(session[notes[0]].tenant, tenant);
            assert_eq!(session[notes[0]].lines.len(), 1);
            assert_eq!(session.scalar(sql("SELECT count(*) FROM notes").returning::<i64>()).await?, 1);
            assert_eq!(session.load_all((Note::select(), Note::select())).await?.1, notes);
            assert!(!session.in_transaction());
            assert_eq!(tenants.left_behind().await?, "");

            // And in one.
            session.begin().await?;
            assert_eq!(session.count(Note::select()).await?, 1);
            let taken = session.execute(sql("UPDATE notes SET tenant = 3 - tenant")).await.unwrap_err();
            assert!(taken.to_string().contains("row-level security"), "{taken}");
            session.rollback().await?;
            assert_eq!(tenants.left_behind().await?, "");
        }
        // Without a tenant there are no rows: the setting is gone, after commits and rollbacks.
        assert_eq!(tenants.engine.count(Note::select()).await?, 0);
        assert_eq!(tenants.engine.statistics().opened, 1);
        tenants.end().await
    });
}

#[test]
fn a_transaction_that_is_tried_again_has_its_tenant_again() {
    each(|place| async move {
        let tenants = Tenants::new(place).await?;
        let mut tries = 0;
        tenants
            .sessions(7)
            .retry(anyorm::Retry::times(3).when(|_| true))
            .begin(|mut tx| {
                tries += 1;
                let fails = tries < 3;
                async move {
                    let seen =
                        tx.scalar(sql("SELECT current_setting('app.tenant')").returning::<String>()).await?;
                    assert_eq!(seen, "7");
                    tx.add(Note { text: "once".into(), ..Default::default() });
                    tx.flush().await?;
                    if fails { Err(anyorm::Error::other("again")) } else { Ok(()) }
                }
            })
            .await?;
        assert_eq!(tenants.sessions(7).session().count(Note::select()).await?, 1);
        assert_eq!(tenants.left_behind().await?, "");
        tenants.end().await
    });
}

async fn setting(transaction: &mut anyorm::Transaction) -> Result<String> {
    transaction
        .scalar(sql("SELECT coalesce(current_setting('app.tenant', true), '')").returning::<String>())
        .await
}

#[test]
fn a_setting_travels_with_begin_and_ends_with_its_transaction() {
    each(|place| async move {
        let engine = place.builder().connections(1).observer(place.log.clone()).open().await?;
        place.log.clear();
        let mut transaction = engine.begin().await?;
        transaction.set_local("app.tenant", 42).await?;
        assert_eq!(place.log.hops(), 0); // so far nothing was sent
        assert_eq!(setting(&mut transaction).await?, "42");
        assert_eq!(place.log.hops(), 1);
        // A value is a value, whatever is in it.
        transaction.set_local("app.tenant", "'; DROP TABLE notes; --").await?;
        assert_eq!(setting(&mut transaction).await?, "'; DROP TABLE notes; --");
        // What is set behind a savepoint goes back with it.
        let mut attempt = transaction.begin_nested().await?;
        attempt.execute(sql("SELECT set_config('app.tenant', 'inner', true)")).await?;
        attempt.rollback().await?;
        assert_eq!(setting(&mut transaction).await?, "'; DROP TABLE notes; --");
        transaction.commit().await?;

        let mut next = engine.begin().await?;
        assert_eq!(setting(&mut next).await?, "");
        next.set_local("app.tenant", "rolled back").await?;
        next.rollback().await?;
        let mut next = engine.begin().await?;
        assert_eq!(setting(&mut next).await?, "");
        next.set_local("app.tenant", "dropped").await?;
        drop(next);
        let mut next = engine.begin().await?;
        assert_eq!(setting(&mut next).await?, "");
        assert_eq!(engine.statistics().opened, 1);
        next.rollback().await
    });
}

#[test]
fn a_setting_of_a_session_lasts_for_its_transaction() {
    each(|place| async move {
        let current =
            || sql("SELECT coalesce(current_setting('app.tenant', true), '')").returning::<String>();
        let mut session = place.engine.session();
        session.set_local("app.tenant", 1).await?;
        assert!(session.in_transaction());
        assert_eq!(session.scalar(current()).await?, "1");
        session.set_local("app.tenant", 2).await?;
        assert_eq!(session.scalar(current()).await?, "2");
        let mut nested = session.begin_nested().await?;
        nested.set_local("app.tenant", 3).await?;
        assert_eq!(nested.scalar(current()).await?, "3");
        nested.rollback().await?;
        assert_eq!(session.scalar(current()).await?, "2");
        session.commit().await?;
        assert_eq!(session.scalar(current()).await?, "");

        // A name that nobody knows, and a value that does not fit, are told; what was done before stays.
        session.execute(sql("CREATE TABLE kept (id int)")).await?;
        let unknown = session.set_local("no_such_setting", 1).await.unwrap_err();
        assert!(unknown.to_string().contains("no_such_setting"), "{unknown}");
        let wrong = session.set_local("statement_timeout", "soon").await.unwrap_err();
        assert!(wrong.to_string().contains("statement_timeout"), "{wrong}");
        session.commit().await?;
        assert_eq!(session.scalar(sql("SELECT count(*) FROM kept").returning::<i64>()).await?, 0);

        // One that travels with the first statement is told by that.
        let mut transaction = place.engine.begin().await?;
        transaction.set_local("no_such_setting", 1).await?;
        let unknown = transaction.execute(sql("SELECT 1")).await.unwrap_err();
        assert!(unknown.to_string().contains("no_such_setting"), "{unknown}");
        assert_eq!(unknown.sql(), Some("SELECT set_config($1, $2, true)"));
        let nul = transaction.set_local("app.tenant", "a\0b").await.unwrap_err();
        assert!(matches!(nul, anyorm::Error::Value(_)), "{nul}");
        Ok(())
    });
}

#[test]
fn the_settings_of_a_sandbox_end_with_the_transactions_in_it() {
    each(|place| async move {
        let current =
            || sql("SELECT coalesce(current_setting('app.tenant', true), '')").returning::<String>();
        let sandbox = place.engine.sandbox().await?;
        let sessions = SessionFactory::new(sandbox.clone()).setting("app.tenant", 42);
        assert_eq!(sessions.session().scalar(current()).await?, "42");
        let mut session = sessions.session();
        session.execute(sql("CREATE TABLE inside (id int)")).await?;
        session.commit().await?;
        assert_eq!(sandbox.scalar(current()).await?, "");
        let mut transaction = sandbox.begin().await?;
        transaction.execute(sql("SELECT 1")).await?;
        transaction.set_local("app.tenant", 43).await?;
        transaction.commit().await?;
        assert_eq!(sandbox.scalar(current()).await?, "");
        let mut transaction = sandbox.begin().await?;
        transaction.set_local("app.tenant", 44).await?;
        assert_eq!(transaction.scalar(current()).await?, "44");
        transaction.rollback().await?;
        assert_eq!(sandbox.scalar(current()).await?, "");
        sandbox.rollback().await
    });
}

#[test]
fn transactions_are_of_the_kind_that_was_asked_for() {
    each(|place| async move {
        let kind = "SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only'), \
                    current_setting('transaction_deferrable')";
        let begins = [
            (Begin::new(), ["read committed", "off", "off"]),
            (Begin::new().isolation(Isolation::RepeatableRead), ["repeatable read", "off", "off"]),
            (Begin::new().isolation(Isolation::Serializable).read_only(), ["serializable", "on", "off"]),
            (Begin::new().deferrable(), ["serializable", "on", "on"]),
        ];
        for (begin, [level, read_only, deferrable]) in begins {
            let mut transaction = place.engine.begin_with(begin).await?;
            let found = transaction.one(sql(kind).returning::<(String, String, String)>()).await?;
            assert_eq!(found, (level.to_owned(), read_only.to_owned(), deferrable.to_owned()));
            transaction.commit().await?;
        }
        Ok(())
    });
}
