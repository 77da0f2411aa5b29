//! What random programs found: each was wrong once, in as few steps as it took.

use anyorm::Result;
use anyorm::prelude::*;
use anyorm_tests::{Account, Node, Post, User, blog, post, user};
use orm_testkit::step::polls;
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{accounts, nodes, posts};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_revived_parent_has_its_collection_back,
    a_child_that_moves_away_from_a_deleted_parent_keeps_its_new_one,
    a_child_that_moves_away_from_a_deleted_parent_does_not_go_with_it,
    a_child_that_moved_and_is_deleted_leaves_the_parent_it_had,
    a_child_that_was_pushed_and_is_deleted_leaves_the_collection,
    a_switched_row_that_was_written_comes_back_as_it_was,
    a_new_row_takes_the_key_that_another_one_leaves,
    a_child_written_during_the_flush_loses_its_deleted_parent_all_the_same,
    a_child_of_a_detached_parent_goes_with_the_one_that_was_read_again,
];

/// Rule 6: what cascaded with a parent comes back into its collection.
async fn a_revived_parent_has_its_collection_back(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    session.delete(ada);
    session.flush().await?;
    session.rollback().await?;
    assert_eq!(session[ada].posts.loaded(), Some(&[notes][..]));
    Ok(())
}

/// The reference was moved by the same flush that deletes what it led to before.
async fn a_child_that_moves_away_from_a_deleted_parent_keeps_its_new_one(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let node = |name: &str| Node { name: name.into(), ..Node::default() };
    let (old, new) = (session.add(node("old")), session.add(node("new")));
    let child = session.add(Node { parent: old.into(), ..node("child") });
    session.commit().await?;
    session.delete(old);
    session[child].parent = new.into();
    session.commit().await?;
    assert_eq!(session[child].parent.handle(), Some(new));
    assert_eq!(nodes(&db).await?, [("new".to_owned(), None), ("child".to_owned(), Some(2))]);
    Ok(())
}

/// The same where the database deletes children along with their parent.
async fn a_child_that_moves_away_from_a_deleted_parent_does_not_go_with_it(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (old, new) = (session.add(user("Old")), session.add(user("New")));
    let notes = session.add(post("Notes", old));
    session.commit().await?;
    session.delete(old);
    session[notes].author = new.into();
    session.commit().await?;
    assert_eq!(session.peek(notes).and_then(|notes| notes.author.handle()), Some(new));
    assert_eq!(session[new].posts.loaded(), Some(&[notes][..]));
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 2)]);
    Ok(())
}

/// A write of another column while the flush was under way.
async fn a_child_written_during_the_flush_loses_its_deleted_parent_all_the_same(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    for polls_left in 1..4 {
        let mut session = db.engine.session();
        let parent = session.add(Node { name: "parent".into(), ..Node::default() });
        let child = session.add(Node { name: "child".into(), parent: parent.into(), ..Node::default() });
        session.commit().await?;
        session.delete(parent);
        let _ = polls(polls_left, session.commit());
        session[child].name.push('!');
        session.commit().await?;
        assert!(session[child].parent.is_empty());
        session.delete(child);
        session.commit().await?;
    }
    assert_eq!(nodes(&db).await?, []);
    Ok(())
}

/// Rules 9 and 10.
async fn a_new_row_takes_the_key_that_another_one_leaves(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let old = session.add(Account { id: 6, balance: 1 });
    session.commit().await?;
    let new = session.add(Account { id: 6, balance: 2 });
    session[old].id = 5;
    session.flush().await?;
    session.rollback().await?;
    assert_eq!((session.get::<Account>(6).await?, session.peek(new)), (Some(old), None));
    let new = session.add(Account { id: 6, balance: 2 });
    session[old].id = 5;
    session.commit().await?;
    assert_eq!((session.get::<Account>(5).await?, session.get::<Account>(6).await?), (Some(old), Some(new)));
    assert_eq!(accounts(&db).await?, [(5, 1), (6, 2)]);
    Ok(())
}

/// Rule 8.
async fn a_child_that_moved_and_is_deleted_leaves_the_parent_it_had(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (old, new) = (session.add(user("Old")), session.add(user("New")));
    let notes = session.add(post("Notes", old));
    session.commit().await?;
    session[notes].author = new.into();
    session.delete(notes);
    session.flush().await?;
    assert_eq!(session[old].posts.loaded(), Some(&[][..]));
    session.rollback().await?;
    assert_eq!(session[old].posts.loaded(), Some(&[notes][..]));
    assert_eq!(session[new].posts.loaded(), Some(&[][..]));
    assert_eq!(session[notes].author.handle(), Some(old));
    Ok(())
}

/// Rule 8, for a parent that is new and for one that is not.
async fn a_child_that_was_pushed_and_is_deleted_leaves_the_collection(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let old = session.add(user("Old"));
    let [red, blue] = ["red", "blue"].map(|title| session.add(post(title, old)));
    let known = session.add(user("Known"));
    session.commit().await?;
    let new = session.add(user("New"));
    session[new].posts.push(red);
    session[known].posts.push(blue);
    session.delete(red);
    session.delete(blue);
    session.commit().await?;
    for user in [old, known, new] {
        assert_eq!(session[user].posts.loaded(), Some(&[][..]));
    }
    assert!(!session.is_dirty());
    Ok(())
}

/// Rule 6, where the row of the deleted entity is taken over by a new one.
async fn a_switched_row_that_was_written_comes_back_as_it_was(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let old = session.add(Account { id: 4, balance: 1 });
    session.commit().await?;
    let new = session.add(Account { id: 4, balance: 2 });
    session[old] = Account { id: 5, balance: 3 };
    session.delete(old);
    session.flush().await?;
    session.rollback().await?;
    assert!(session.peek(new).is_none());
    assert_eq!(session[old], Account { id: 4, balance: 1 });
    assert_eq!((session.get::<Account>(4).await?, session.get::<Account>(5).await?), (Some(old), None));
    Ok(())
}

/// The child holds the handle that was detached, and its key.
async fn a_child_of_a_detached_parent_goes_with_the_one_that_was_read_again(db: Database) -> Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let notes = Post { title: "Notes".into(), ..Post::default() };
    let ada = session.merge(User { posts: vec![notes].into(), ..user("Ada") }).await?;
    session.commit().await?;
    let notes = session[ada].posts.loaded().expect("it was given")[0];
    let id = session[ada].id;
    session.detach(ada);
    let ada = session.get_one::<User>(id).await?;
    session.delete(ada);
    session.commit().await?;
    assert!(session.peek(notes).is_none());
    assert!(posts(&db).await?.is_empty());
    Ok(())
}
