//! Design of deletes: rows that the database deletes along are loaded where their entity has hooks of deletes.

use anyorm::prelude::*;
use anyorm::{Hooks, Result};
use anyorm_tests::{Post, Tag, User, blog, post, user};
use futures_lite::FutureExt;
use orm_testkit::{Behaviour, Database, behaviours};

use super::{Notes, Watch};
use crate::support::{posts, sent};

pub(super) const BEHAVIOURS: &[Behaviour] = &behaviours![
    rows_deleted_by_the_database_are_loaded_for_their_hooks,
    grandchildren_are_loaded_for_their_hooks,
    a_tree_is_loaded_level_by_level,
    without_hooks_of_deletes_nothing_is_loaded,
    a_child_that_moved_away_is_not_deleted,
    an_error_of_a_child_refuses_the_delete,
    members_without_a_parent_have_hooks_of_deletes,
];

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "remarks")]
struct Remark {
    #[key(auto)]
    id: i64,
    #[belongs_to(on_delete = cascade)]
    post: BelongsTo<Post>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "folders")]
struct Folder {
    #[key(auto)]
    id: i64,
    #[belongs_to(on_delete = cascade)]
    parent: BelongsTo<Option<Folder>>,
    #[has_many(Folder::PARENT)]
    folders: HasMany<Folder>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "crates")]
struct Crate {
    #[key(auto)]
    id: i64,
    #[has_many(Part::INSIDE, delete_orphan)]
    parts: HasMany<Part>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "parts")]
struct Part {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    inside: BelongsTo<Option<Crate>>,
}

async fn one_user_with_two_posts(db: &Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    session.add_all([post("Notes", ada), post("Letters", ada)]);
    session.commit().await
}

async fn rows_deleted_by_the_database_are_loaded_for_their_hooks(db: Database) -> Result<()> {
    one_user_with_two_posts(&db).await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    session.listen_to::<Post>(Watch(notes.clone()));
    let ada = session.get_one::<User>(1).await?;
    session.delete(ada);
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 3, "the posts, the flush, COMMIT");
    assert_eq!(
        notes.take(),
        [
            "after load Post 1 Notes",
            "after load Post 2 Letters",
            "before delete Post 1 Notes",
            "before delete Post 2 Letters",
            "after delete Post 1 Notes",
            "after delete Post 2 Letters",
        ]
    );
    assert_eq!(posts(&db).await?, []);
    Ok(())
}

async fn grandchildren_are_loaded_for_their_hooks(db: Database) -> Result<()> {
    one_user_with_two_posts(&db).await?;
    db.engine.create_all(&schema![User, Post, Tag, Remark]).await?;
    db.engine
        .execute(Remark::insert().value(Remark { post: BelongsTo::to_key(2), ..Default::default() }))
        .await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    let noted = notes.clone();
    session.listen_to(Hooks::<Remark>::new().before_delete(move |remark| {
        noted.add(format!("remark {} on {:?}", remark.id, remark.post.key()));
        Ok(())
    }));
    let ada = session.get_one::<User>(1).await?;
    session.delete(ada);
    db.log.clear();
    session.commit().await?;
    assert_eq!(notes.take(), ["remark 1 on Some(2)"]);
    assert_eq!(db.log.hops(), 3, "the posts, the remarks, the flush with COMMIT");
    assert_eq!(db.engine.count(Remark::select()).await?, 0);
    Ok(())
}

async fn a_tree_is_loaded_level_by_level(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Folder]).await?;
    let mut session = db.engine.session();
    let inner = Folder { folders: vec![Folder::default(), Folder::default()].into(), ..Default::default() };
    session.add(Folder { folders: vec![inner].into(), ..Default::default() });
    session.add(Folder::default());
    session.commit().await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    let noted = notes.clone();
    session.listen_to(Hooks::<Folder>::new().after_delete(move |folder| {
        noted.add(folder.parent.key().map_or("root".to_owned(), |parent| format!("below {parent}")));
        Ok(())
    }));
    let root = session.get_one::<Folder>(1).await?;
    session.delete(root);
    session.commit().await?;
    let mut noted = notes.take();
    assert_eq!(noted.remove(0), "root");
    assert_eq!(noted.len(), 3);
    assert_eq!(db.engine.count(Folder::select()).await?, 1);
    Ok(())
}

async fn without_hooks_of_deletes_nothing_is_loaded(db: Database) -> Result<()> {
    one_user_with_two_posts(&db).await?;
    let mut session = db.engine.session();
    session.listen_to(Hooks::<Post>::new().before_insert(|_| Ok(())).before_update(|_, _| Ok(())));
    session.listen_to(Hooks::<User>::new().before_delete(|_| Ok(())));
    let ada = session.get_one::<User>(1).await?;
    session.delete(ada);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM users WHERE id = ? x1"]);
    Ok(())
}

async fn a_child_that_moved_away_is_not_deleted(db: Database) -> Result<()> {
    one_user_with_two_posts(&db).await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    let (ada, letters) = (session.get_one::<User>(1).await?, session.get_one::<Post>(2).await?);
    session.listen_to::<Post>(Watch(notes.clone()));
    let bob = session.add(user("Bob"));
    session[letters].author = bob.into();
    session.delete(ada);
    session.commit().await?;
    let noted = notes.take();
    assert!(noted.contains(&"after update Post 2 Letters".to_owned()), "{noted:?}");
    assert!(!noted.contains(&"before delete Post 2 Letters".to_owned()), "{noted:?}");
    assert_eq!(posts(&db).await?, [("Letters".to_owned(), 2)]);
    Ok(())
}

async fn an_error_of_a_child_refuses_the_delete(db: Database) -> Result<()> {
    one_user_with_two_posts(&db).await?;
    let mut session = db.engine.session();
    session.listen_to(Hooks::<Post>::new().before_delete(|post| match post.id {
        2 => Err(anyorm::Error::other("it stays")),
        _ => Ok(()),
    }));
    let ada = session.get_one::<User>(1).await?;
    session.delete(ada);
    let error = session.commit().await.expect_err("refused");
    assert_eq!(error.to_string(), "before_delete of Post 2: it stays");
    session.undelete(ada);
    session.commit().await?;
    assert_eq!(posts(&db).await?.len(), 2);
    Ok(())
}

async fn members_without_a_parent_have_hooks_of_deletes(db: Database) -> Result<()> {
    db.engine.create_all(&schema![Crate, Part]).await?;
    let notes = Notes::default();
    let mut session = db.engine.session();
    let (before, after) = (notes.clone(), notes.clone());
    session.listen_to(
        Hooks::<Part>::new()
            .before_delete(move |part| match part.id {
                3 => panic!("the third stays"),
                id => {
                    before.add(format!("before {id}"));
                    Ok(())
                }
            })
            .after_delete(move |part| {
                after.add(format!("after {}", part.id));
                Ok(())
            }),
    );
    let parts = || vec![Part::default(), Part::default(), Part::default()];
    let full = session.add(Crate { parts: parts().into(), ..Default::default() });
    session.commit().await?;
    let members: Vec<Handle<Part>> = session[full].parts.iter().copied().collect();
    let (first, third) = (members[0], members[2]);
    session[full].parts.remove(first);
    session.commit().await?;
    assert_eq!(notes.take(), ["before 1", "after 1"]);
    assert_eq!(db.engine.count(Part::select()).await?, 2);

    session[full].parts.remove(third);
    let commit = std::panic::AssertUnwindSafe(session.commit()).catch_unwind().await;
    commit.expect_err("it panics");
    session[full].parts.push(third);
    session.commit().await?;
    assert_eq!(session.get::<Part>(3).await?, Some(third), "nothing was left of the delete");
    assert_eq!(db.engine.count(Part::select()).await?, 2);
    Ok(())
}
