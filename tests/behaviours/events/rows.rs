//! Hooks of entities.

use std::sync::atomic::{AtomicUsize, Ordering};

use anyorm::prelude::*;
use anyorm::{Error, Hooks, Listeners, Result};
use anyorm_tests::{Account, Node, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use super::{Notes, Watch};
use crate::support::{accounts, elsewhere, posts, sent, tags, users};

pub(super) const BEHAVIOURS: &[Behaviour] = &behaviours![
    f13_before_insert_of_all_rows_precedes_after_insert_of_any,
    f13_hooks_follow_the_order_of_add,
    a_change_in_before_insert_is_inserted,
    a_change_in_before_update_is_part_of_the_same_update,
    a_write_without_a_difference_has_no_hooks,
    an_update_that_its_hook_takes_back_is_not_sent,
    before_insert_may_set_the_key,
    before_insert_may_set_a_required_link,
    what_a_hook_brings_in_has_its_own_hooks,
    hooks_that_bring_in_work_without_end_are_refused,
    a_child_that_gets_a_parent_by_its_collection_is_an_update,
    after_hooks_see_keys_and_versions,
    a_row_switch_is_a_delete_and_an_insert,
    an_entity_deleted_before_it_was_stored_has_no_hooks,
    after_load_is_not_a_change,
    after_load_runs_for_each_row_once,
    after_load_runs_for_relations_and_refresh,
    changes_and_is_dirty_run_no_hooks,
    autoflush_runs_hooks,
    a_savepoint_runs_hooks,
    statements_by_criteria_run_no_hooks,
    hooks_run_in_the_order_of_registration,
    listeners_serve_several_sessions,
    before_hooks_keep_a_commit_in_one_hop,
    after_hooks_cost_a_commit_one_hop,
];

async fn watched(db: &Database) -> Result<(Session, Notes)> {
    db.engine.create_all(&blog()).await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    session.listen_to::<User>(Watch(notes.clone()));
    session.listen_to::<Post>(Watch(notes.clone()));
    session.listen_to::<Account>(Watch(notes.clone()));
    Ok((session, notes))
}

async fn f13_before_insert_of_all_rows_precedes_after_insert_of_any(db: Database) -> Result<()> {
    let (mut session, notes) = watched(&db).await?;
    let ada = session.add(user("Ada"));
    session.add(post("Notes", ada));
    session.add(post("Letters", ada));
    session.commit().await?;
    assert_eq!(
        notes.take(),
        [
            "before insert User 0 Ada",
            "before insert Post 0 Notes",
            "before insert Post 0 Letters",
            "after insert User 1 Ada",
            "after insert Post 1 Notes",
            "after insert Post 2 Letters",
        ]
    );
    Ok(())
}

async fn f13_hooks_follow_the_order_of_add(db: Database) -> Result<()> {
    let (mut session, notes) = watched(&db).await?;
    for id in [4, 5, 3] {
        session.add(Account { id, balance: id });
    }
    session.flush().await?;
    let noted = notes.take();
    assert_eq!(
        noted[..3],
        ["before insert Account 4 4", "before insert Account 5 5", "before insert Account 3 3"]
    );
    assert_eq!(
        noted[3..],
        ["after insert Account 4 4", "after insert Account 5 5", "after insert Account 3 3"]
    );
    Ok(())
}

async fn a_change_in_before_insert_is_inserted(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.listen_to(Hooks::<User>::new().before_insert(|user| {
        user.name.push('!');
        Ok(())
    }));
    let ada = session.add(user("Ada"));
    session.commit().await?;
    assert_eq!(session[ada].name, "Ada!");
    assert_eq!(users(&db).await?, [(1, "Ada!".to_owned())]);
    assert!(!session.is_dirty());
    Ok(())
}

async fn a_change_in_before_update_is_part_of_the_same_update(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    session.listen_to(Hooks::<User>::new().before_update(|user, stored| {
        assert_eq!(stored.name, "Ada");
        user.age = Some(36);
        Ok(())
    }));
    session[ada].name = "Ada Lovelace".into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE users SET name = ?, age = ? WHERE id = ? x1"]);
    assert_eq!(session[ada].age, Some(36));
    assert!(!session.is_dirty());
    Ok(())
}

async fn a_write_without_a_difference_has_no_hooks(db: Database) -> Result<()> {
    let (mut session, notes) = watched(&db).await?;
    let ada = session.add(user("Ada"));
    session.commit().await?;
    notes.take();
    session[ada].name = "Ada".into();
    session.commit().await?;
    assert_eq!(notes.take(), [""; 0]);
    Ok(())
}

async fn an_update_that_its_hook_takes_back_is_not_sent(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    let after = notes.clone();
    session.listen_to(
        Hooks::<User>::new()
            .before_update(|user, stored| {
                user.name.clone_from(&stored.name);
                Ok(())
            })
            .after_update(move |_| {
                after.add("after update");
                Ok(())
            }),
    );
    session[ada].name = "Nobody".into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), [""; 0]);
    assert_eq!(notes.take(), [""; 0]);
    assert_eq!(session[ada].name, "Ada");
    Ok(())
}

async fn before_insert_may_set_the_key(db: Database) -> Result<()> {
    #[derive(Clone, Debug, Default, Entity)]
    #[entity(table = "papers")]
    struct Paper {
        #[key]
        code: String,
        title: String,
    }
    db.engine.create_all(&schema![Paper]).await?;
    let mut session = db.engine.session();
    session.listen_to(Hooks::<Paper>::new().before_insert(|paper| {
        if paper.code.is_empty() {
            paper.code = format!("P-{}", paper.title);
        }
        Ok(())
    }));
    let paper = session.add(Paper { title: "Notes".into(), ..Default::default() });
    session.commit().await?;
    assert_eq!(session.get::<Paper>("P-Notes").await?, Some(paper));
    assert_eq!(db.engine.count(Paper::select().filter(Paper::CODE.eq("P-Notes"))).await?, 1);
    Ok(())
}

async fn before_insert_may_set_a_required_link(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.commit().await?;
    session.listen_to(Hooks::<Post>::new().before_insert(move |post| {
        post.author = ada.into();
        Ok(())
    }));
    let notes = session.add(Post { title: "Notes".into(), ..Default::default() });
    session.commit().await?;
    assert_eq!(session[notes].author.key(), Some(&1));
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 1)]);
    Ok(())
}

async fn what_a_hook_brings_in_has_its_own_hooks(db: Database) -> Result<()> {
    let (mut session, notes) = watched(&db).await?;
    session.listen_to(Hooks::<User>::new().before_insert(|user| {
        user.posts = vec![Post { title: format!("About {}", user.name), ..Default::default() }].into();
        Ok(())
    }));
    session.add(user("Ada"));
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("About Ada".to_owned(), 1)]);
    let noted = notes.take();
    assert_eq!(noted[..2], ["before insert User 0 Ada", "before insert Post 0 About Ada"]);
    Ok(())
}

async fn hooks_that_bring_in_work_without_end_are_refused(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.listen_to(Hooks::<Node>::new().before_insert(|node| {
        node.children = vec![Node { name: "one more".into(), ..Default::default() }].into();
        Ok(())
    }));
    session.add(Node { name: "root".into(), ..Default::default() });
    db.log.clear();
    let error = session.flush().await.expect_err("it never ends");
    assert!(error.to_string().contains("more than 100 rounds"), "{error}");
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

async fn a_child_that_gets_a_parent_by_its_collection_is_an_update(db: Database) -> Result<()> {
    let (mut session, notes) = watched(&db).await?;
    let ada = session.add(user("Ada"));
    let bob = session.add(user("Bob"));
    let letter = session.add(post("Letter", ada));
    session.commit().await?;
    notes.take();
    session[bob].posts.push(letter);
    session.commit().await?;
    assert_eq!(
        notes.take(),
        ["before update Post 1 Letter from Post 1 Letter", "after update Post 1 Letter"]
    );
    assert_eq!(posts(&db).await?, [("Letter".to_owned(), 2)]);
    Ok(())
}

async fn after_hooks_see_keys_and_versions(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    let (inserted, updated) = (notes.clone(), notes.clone());
    session.listen_to(
        Hooks::<Post>::new()
            .after_insert(move |post| {
                inserted.add(format!("{} by {:?}", post.id, post.author.key()));
                Ok(())
            })
            .after_update(move |post| {
                updated.add(format!("version {}", post.version));
                Ok(())
            }),
    );
    let ada = session.add(user("Ada"));
    let letter = session.add(post("Letter", ada));
    session.commit().await?;
    let version = session[letter].version;
    session[letter].title.push('!');
    session.commit().await?;
    assert_eq!(notes.take(), ["1 by Some(1)".to_owned(), format!("version {}", version + 1)]);
    Ok(())
}

async fn a_row_switch_is_a_delete_and_an_insert(db: Database) -> Result<()> {
    let (mut session, notes) = watched(&db).await?;
    let old = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    notes.take();
    session.delete(old);
    session.add(Account { id: 1, balance: 7 });
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE accounts SET balance = ? WHERE id = ? x1"]);
    let mut noted = notes.take();
    assert_eq!(noted.len(), 4, "{noted:?}");
    assert_eq!(noted[..2], ["before insert Account 1 7", "before delete Account 1 5"]);
    noted.sort();
    assert_eq!(noted[..2], ["after delete Account 1 5", "after insert Account 1 7"]);
    Ok(())
}

async fn an_entity_deleted_before_it_was_stored_has_no_hooks(db: Database) -> Result<()> {
    let (mut session, notes) = watched(&db).await?;
    let ada = session.add(user("Ada"));
    session.delete(ada);
    session.commit().await?;
    assert_eq!(notes.take(), [""; 0]);
    Ok(())
}

async fn after_load_is_not_a_change(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 50)").await?;
    let mut session = db.engine.session();
    session.listen_to(Hooks::<Account>::new().after_load(|account| account.balance += 1));
    let account = session.get_one::<Account>(1).await?;
    assert_eq!(session[account].balance, 51);
    assert!(!session.is_dirty());
    session[account].balance = 51;
    session.commit().await?;
    assert_eq!(accounts(&db).await?, [(1, 50)]);
    Ok(())
}

async fn after_load_runs_for_each_row_once(db: Database) -> Result<()> {
    let (mut session, notes) = watched(&db).await?;
    elsewhere(&db, "INSERT INTO accounts VALUES (1, 10), (2, 20)").await?;
    session.get_one::<Account>(1).await?;
    session.all(Account::select()).await?;
    session.all(Account::select()).await?;
    assert_eq!(notes.take(), ["after load Account 1 10", "after load Account 2 20"]);
    let added = session.add(Account { id: 3, balance: 30 });
    session.commit().await?;
    assert_eq!(session.get::<Account>(3).await?, Some(added));
    assert!(!notes.take().iter().any(|note| note.starts_with("after load")));
    Ok(())
}

async fn after_load_runs_for_relations_and_refresh(db: Database) -> Result<()> {
    let (mut session, notes) = watched(&db).await?;
    let ada = session.add(user("Ada"));
    session.add(post("Notes", ada));
    session.commit().await?;
    session.clear();
    notes.take();
    let ada = session.all(User::select().with(User::POSTS)).await?[0];
    assert_eq!(notes.take(), ["after load User 1 Ada", "after load Post 1 Notes"]);
    session.refresh(ada).await?;
    assert_eq!(notes.take(), ["after load User 1 Ada"]);
    Ok(())
}

async fn changes_and_is_dirty_run_no_hooks(db: Database) -> Result<()> {
    let (mut session, notes) = watched(&db).await?;
    session.add(user("Ada"));
    assert!(session.is_dirty());
    assert_eq!(session.changes()?.len(), 1);
    assert_eq!(notes.take(), [""; 0]);
    Ok(())
}

async fn autoflush_runs_hooks(db: Database) -> Result<()> {
    let (mut session, notes) = watched(&db).await?;
    session.add(user("Ada"));
    assert_eq!(session.count(User::select()).await?, 1);
    assert_eq!(notes.take(), ["before insert User 0 Ada", "after insert User 1 Ada"]);
    session.commit().await?;
    assert_eq!(notes.take(), [""; 0]);
    Ok(())
}

async fn a_savepoint_runs_hooks(db: Database) -> Result<()> {
    let (mut session, notes) = watched(&db).await?;
    session.add(user("Ada"));
    let mut nested = session.begin_nested().await?;
    assert_eq!(notes.take(), ["before insert User 0 Ada", "after insert User 1 Ada"]);
    nested.add(user("Bob"));
    nested.release().await?;
    assert_eq!(notes.take(), ["before insert User 0 Bob", "after insert User 2 Bob"]);
    session.commit().await?;
    assert_eq!(notes.take(), [""; 0]);
    assert_eq!(users(&db).await?.len(), 2);
    Ok(())
}

async fn statements_by_criteria_run_no_hooks(db: Database) -> Result<()> {
    let (mut session, notes) = watched(&db).await?;
    let account = session.add(Account { id: 1, balance: 5 });
    session.commit().await?;
    notes.take();
    session.execute(Account::update().set(Account::BALANCE, 6).filter(Account::ID.eq(1))).await?;
    assert_eq!(session[account].balance, 6);
    session.execute(Account::delete().filter(Account::ID.eq(1))).await?;
    session.commit().await?;
    assert_eq!(notes.take(), [""; 0]);
    Ok(())
}

async fn hooks_run_in_the_order_of_registration(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    for letter in ['a', 'b', 'c'] {
        session.listen_to(Hooks::<Tag>::new().before_insert(move |tag| {
            tag.name.push(letter);
            Ok(())
        }));
    }
    session.add(tag("-"));
    session.commit().await?;
    assert_eq!(tags(&db).await?, ["-abc"]);
    Ok(())
}

async fn listeners_serve_several_sessions(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    static CALLED: AtomicUsize = AtomicUsize::new(0);
    let before = CALLED.load(Ordering::SeqCst);
    let hooks = Hooks::<Tag>::new().before_insert(|_| {
        CALLED.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let notes = Notes::default();
    let listeners = Listeners::new().listen_to(hooks).listen(Watch(notes.clone()));
    for name in ["red", "blue"] {
        let mut session = db.engine.session();
        session.attach(&listeners);
        session.add(tag(name));
        session.commit().await?;
    }
    assert!(CALLED.load(Ordering::SeqCst) >= before + 2);
    assert_eq!(notes.take().iter().filter(|note| *note == "after commit").count(), 2);
    Ok(())
}

async fn before_hooks_keep_a_commit_in_one_hop(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.listen_to(
        Hooks::<User>::new().before_insert(|_| Ok(())).before_update(|_, _| Ok(())).before_delete(|_| Ok(())),
    );
    let ada = session.add(user("Ada"));
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    session[ada].age = Some(36);
    session.commit().await?;
    assert_eq!(db.log.hops(), 2);
    session.delete(ada);
    session.commit().await?;
    assert_eq!(db.log.hops(), 3);
    Ok(())
}

async fn after_hooks_cost_a_commit_one_hop(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.listen_to(Hooks::<User>::new().after_insert(|user| match user.id {
        0 => Err(Error::other("no key")),
        _ => Ok(()),
    }));
    session.add(user("Ada"));
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 2);
    session.commit().await?;
    assert_eq!(db.log.hops(), 2, "nothing to do");
    Ok(())
}
