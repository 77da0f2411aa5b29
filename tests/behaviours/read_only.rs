//! Sessions and transactions that only read: nothing is sent that writes, and no writer is waited for.

use anyorm::prelude::*;
use anyorm::{Begin, Error, Result};
use anyorm_tests::{Account, User, blog, post, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{accounts, elsewhere};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_flush_of_nothing_is_fine,
    a_flush_is_refused_before_anything_is_sent,
    begin_of_a_read_only_factory_refuses_the_commit,
    a_statement_that_writes_is_refused,
    raw_sql_that_reads_is_not_refused,
    #[needs(SeveralConnections)]
    it_runs_while_a_writer_is_open,
    #[needs(SeveralConnections)]
    it_sees_one_state,
    a_session_reads_only_for_one_transaction,
    a_read_only_session_cannot_begin_otherwise,
    a_transaction_of_an_engine_refuses_writes,
    a_read_session_reads_as_a_session_does,
];

async fn two_accounts(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(db, "INSERT INTO accounts VALUES (1, 50), (2, 0)").await.map(drop)
}

fn says_only_reads(error: &Error) -> bool {
    let text = error.to_string();
    text.starts_with("nothing was sent: ") && text.contains("only reads")
}

async fn a_flush_of_nothing_is_fine(db: Database) -> Result<()> {
    two_accounts(&db).await?;
    let mut session = SessionFactory::new(db.engine.clone()).read_only().session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 50;
    session.flush().await?;
    session.commit().await
}

async fn a_flush_is_refused_before_anything_is_sent(db: Database) -> Result<()> {
    two_accounts(&db).await?;
    let mut session = SessionFactory::new(db.engine.clone()).read_only().session();
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 1;
    session.add(user("Ada"));
    db.log.clear();
    for _ in 0..2 {
        let error = session.commit().await.expect_err("it only reads");
        assert!(says_only_reads(&error), "{error}");
        assert!(error.to_string().contains("update Account 1: balance"), "{error}");
        assert!(error.to_string().contains("insert User (new)"), "{error}");
    }
    let error = session.all(User::select()).await.expect_err("it would flush before");
    assert!(matches!(error, Error::Autoflush { .. }), "{error}");
    assert_eq!((db.log.hops(), session.in_transaction()), (0, false));
    session.rollback().await?;
    assert_eq!(session[account].balance, 50);
    assert_eq!(session.count(User::select()).await?, 0);
    Ok(())
}

async fn begin_of_a_read_only_factory_refuses_the_commit(db: Database) -> Result<()> {
    two_accounts(&db).await?;
    let sessions = SessionFactory::new(db.engine.clone()).read_only();
    let sum = sessions.begin(|mut tx| async move {
        let accounts = tx.all(Account::select()).await?;
        Ok(accounts.into_iter().map(|account| tx[account].balance).sum::<i64>())
    });
    assert_eq!(sum.await?, 50);
    let refused = sessions.begin(|mut tx| async move {
        let account = tx.get_one::<Account>(1).await?;
        tx[account].balance = 0;
        Ok(())
    });
    let error = refused.await.expect_err("it only reads");
    assert!(says_only_reads(&error), "{error}");
    assert_eq!(accounts(&db).await?, [(1, 50), (2, 0)]);
    Ok(())
}

async fn a_statement_that_writes_is_refused(db: Database) -> Result<()> {
    two_accounts(&db).await?;
    let mut session = SessionFactory::new(db.engine.clone()).read_only().session();
    db.log.clear();
    for statement in ["DELETE FROM accounts", "WITH old AS (SELECT 1) DELETE FROM accounts"] {
        let error = session.execute(sql(statement)).await.expect_err("it writes");
        assert!(says_only_reads(&error) && error.to_string().contains(statement), "{error}");
    }
    let error = session.execute(Account::delete().everything()).await.expect_err("it writes");
    assert!(says_only_reads(&error), "{error}");
    assert_eq!(db.log.hops(), 0);
    assert_eq!(accounts(&db).await?.len(), 2);
    Ok(())
}

async fn raw_sql_that_reads_is_not_refused(db: Database) -> Result<()> {
    two_accounts(&db).await?;
    let mut session = SessionFactory::new(db.engine.clone()).read_only().session();
    let rich = "WITH rich AS (SELECT id FROM accounts WHERE balance > 10) SELECT count(*) FROM rich";
    assert_eq!(session.scalar(sql(rich).returning::<i64>()).await?, 1);
    session.begin().await?;
    assert_eq!(session.scalar(sql(rich).returning::<i64>()).await?, 1);
    Ok(())
}

async fn it_runs_while_a_writer_is_open(db: Database) -> Result<()> {
    two_accounts(&db).await?;
    let mut writer = db.engine.session();
    let account = writer.get_one::<Account>(1).await?;
    writer[account].balance = 0;
    writer.flush().await?;
    let mut reader = db.engine.session();
    reader.begin_with(Begin::new().read_only()).await?;
    let same = reader.get_one::<Account>(1).await?;
    assert_eq!(reader[same].balance, 50, "what is committed");
    assert_eq!(db.engine.statistics().writer_waiting, 0);
    writer.commit().await?;
    reader.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 0), (2, 0)]);
    Ok(())
}

async fn it_sees_one_state(db: Database) -> Result<()> {
    two_accounts(&db).await?;
    let mut reads = db.engine.read_session();
    reads.begin().await?;
    assert_eq!(reads.count(Account::select()).await?, 2);
    elsewhere(&db, "INSERT INTO accounts VALUES (3, 0)").await?;
    assert_eq!(reads.count(Account::select()).await?, 2, "as the first read saw it");
    reads.end().await?;
    assert_eq!(reads.count(Account::select()).await?, 3);
    Ok(())
}

async fn a_session_reads_only_for_one_transaction(db: Database) -> Result<()> {
    two_accounts(&db).await?;
    let mut session = db.engine.session();
    session.begin_with(Begin::new().read_only()).await?;
    let account = session.get_one::<Account>(1).await?;
    session[account].balance = 1;
    let error = session.flush().await.expect_err("the transaction only reads");
    assert!(says_only_reads(&error), "{error}");
    session.rollback().await?;
    session[account].balance = 2;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 2), (2, 0)]);
    Ok(())
}

async fn a_read_only_session_cannot_begin_otherwise(db: Database) -> Result<()> {
    two_accounts(&db).await?;
    let mut session = SessionFactory::new(db.engine.clone()).read_only().session();
    session.begin_with(Begin::new()).await?;
    session.add(Account { id: 3, balance: 0 });
    let error = session.commit().await.expect_err("the session only reads");
    assert!(says_only_reads(&error), "{error}");
    assert_eq!(accounts(&db).await?.len(), 2);
    Ok(())
}

async fn a_transaction_of_an_engine_refuses_writes(db: Database) -> Result<()> {
    two_accounts(&db).await?;
    let mut transaction = db.engine.begin_with(Begin::new().read_only()).await?;
    assert_eq!(transaction.count(Account::select()).await?, 2);
    let error = transaction.execute(Account::delete().everything()).await.expect_err("it writes");
    assert!(says_only_reads(&error), "{error}");
    assert_eq!(transaction.count(Account::select()).await?, 2, "the transaction goes on");
    transaction.commit().await?;
    assert_eq!(accounts(&db).await?.len(), 2);
    Ok(())
}

async fn a_read_session_reads_as_a_session_does(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.add(post("Notes", ada));
    session.commit().await?;

    let mut reads = db.engine.read_session();
    let ada = reads.get_one::<User>(1).await?;
    assert_eq!(reads.one(User::select().filter(User::NAME.eq("Ada"))).await?, ada, "one row, one handle");
    reads.load(&[ada], User::POSTS).await?;
    assert_eq!(reads[ada].posts.len(), 1);
    assert!(reads.exists(User::select()).await? && !reads.in_transaction());
    assert_eq!(reads.detach(ada).name, "Ada");
    assert!(reads.peek(ada).is_none());
    Ok(())
}
