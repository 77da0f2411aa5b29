//! Rules 12 and 13: the two sides of a relation, and the two forms of a link.

use anyorm::prelude::*;
use anyorm_tests::{Node, Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, nodes, pairs, posts, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_link_written_shows_in_the_collections_after_the_flush,
    a_push_shows_in_the_link_after_the_flush,
    both_sides_agreeing_are_one_write,
    moved_by_the_collections_alone,
    a_link_and_a_collection_that_differ_are_refused,
    a_removal_and_a_link_to_another_parent_agree,
    a_removal_and_an_emptied_link_agree,
    a_conflict_can_be_mended_and_tried_again,
    a_pair_pushed_on_either_side_shows_on_the_other,
    m3_a_pair_pushed_on_both_sides_is_one_row,
    a_pair_removed_on_either_side_leaves_the_other,
    a_pair_removed_on_one_side_and_kept_on_the_other_goes,
    m4_mutual_references_by_pairs_to_itself,
    a_link_to_a_key_needs_no_handle,
    a_link_to_a_handle_writes_its_key,
    a_key_assigned_over_a_handle_wins,
    a_handle_assigned_over_a_key_wins,
    the_same_target_in_another_form_is_no_change,
    f17_a_link_emptied_while_its_target_is_not_loaded,
    an_empty_required_link_is_refused_by_name,
    a_link_to_a_row_that_is_not_there_names_the_column,
    a_link_to_a_deleted_entity_is_refused,
    k11_a_handle_of_another_session_inside_a_value_is_refused,
    a_child_in_two_collections_is_refused,
    a_link_set_and_a_push_elsewhere_are_refused,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "people")]
struct Person {
    #[key(auto)]
    id: i64,
    name: String,
    #[many_to_many(through = "parenthood", from = "child_id", to = "parent_id")]
    parents: ManyToMany<Person>,
    #[many_to_many(through = "parenthood", from = "parent_id", to = "child_id")]
    children: ManyToMany<Person>,
}

/// Two authors with everything loaded, and a post of the first.
struct Two {
    session: Session,
    ada: Handle<User>,
    bob: Handle<User>,
    notes: Handle<Post>,
}

async fn two_authors(db: &Database) -> anyorm::Result<Two> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let (ada, bob) = (session.add(user("Ada")), session.add(user("Bob")));
    let notes = session.add(post("Notes", ada));
    session.commit().await?;
    db.log.clear();
    Ok(Two { session, ada, bob, notes })
}

fn node(name: &str) -> Node {
    Node { name: name.into(), ..Node::default() }
}

/// Rule 12: one changed, it wins; plain field writes show on the other side after flush.
async fn a_link_written_shows_in_the_collections_after_the_flush(db: Database) -> anyorm::Result<()> {
    let Two { mut session, ada, bob, notes } = two_authors(&db).await?;
    session[notes].author = bob.into();
    session.flush().await?;
    assert_eq!(session[ada].posts.loaded(), Some(&[][..]));
    assert_eq!(session[bob].posts.loaded(), Some(&[notes][..]));
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 2)]);
    Ok(())
}

/// Rule 12.
async fn a_push_shows_in_the_link_after_the_flush(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let [root, branch] = ["root", "branch"].map(|name| session.add(node(name)));
    session.commit().await?;
    session[root].children.push(branch);
    session.flush().await?;
    assert_eq!(session[branch].parent.handle(), Some(root));
    session.commit().await?;
    assert_eq!(nodes(&db).await?[1], ("branch".to_owned(), Some(1)));
    Ok(())
}

/// Rule 12: both agree, one write.
async fn both_sides_agreeing_are_one_write(db: Database) -> anyorm::Result<()> {
    let Two { mut session, ada, bob, notes } = two_authors(&db).await?;
    session[notes].author = bob.into();
    session[bob].posts.push(notes);
    session[ada].posts.remove(notes);
    session.commit().await?;
    let batches = sent(&db);
    assert_eq!(batches.len(), 1, "{batches:?}");
    assert!(batches[0].starts_with("UPDATE posts SET author_id = ?"), "{batches:?}");
    assert_eq!(session[bob].posts.loaded(), Some(&[notes][..]), "once");
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 2)]);
    Ok(())
}

/// Behaviour O3: removed here, pushed there: the child moves.
async fn moved_by_the_collections_alone(db: Database) -> anyorm::Result<()> {
    let Two { mut session, ada, bob, notes } = two_authors(&db).await?;
    session[ada].posts.remove(notes);
    session[bob].posts.push(notes);
    session.commit().await?;
    assert_eq!(sent(&db).len(), 1);
    assert_eq!(session[notes].author.handle(), Some(bob));
    assert_eq!(session[notes].author.key(), Some(&session[bob].id));
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 2)]);
    Ok(())
}

/// Rule 12.
async fn a_link_and_a_collection_that_differ_are_refused(db: Database) -> anyorm::Result<()> {
    let Two { mut session, bob, notes, .. } = two_authors(&db).await?;
    let cy = session.add(user("Cy"));
    session.commit().await?;
    session[notes].author = bob.into();
    session[cy].posts.push(notes);
    db.log.clear();
    let error = session.flush().await.expect_err("they differ");
    assert!(matches!(error, anyorm::Error::Flush(_)), "{error}");
    let text = error.to_string();
    for part in ["Post 1", "author", "posts"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

/// Rule 12: "no longer there" and "now here" say the same.
async fn a_removal_and_a_link_to_another_parent_agree(db: Database) -> anyorm::Result<()> {
    let Two { mut session, ada, bob, notes } = two_authors(&db).await?;
    session[ada].posts.remove(notes);
    session[notes].author = bob.into();
    session.commit().await?;
    assert_eq!(session[bob].posts.loaded(), Some(&[notes][..]));
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 2)]);
    Ok(())
}

/// Rule 12.
async fn a_removal_and_an_emptied_link_agree(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let root = session.add(node("root"));
    let child = session.add(Node { parent: root.into(), ..node("child") });
    session.commit().await?;
    session[root].children.remove(child);
    session[child].parent = None.into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE nodes SET parent_id = ? WHERE id = ? x1"]);
    assert_eq!(nodes(&db).await?[1], ("child".to_owned(), None));
    Ok(())
}

/// Rule 12: what is refused before anything is sent leaves the session active.
async fn a_conflict_can_be_mended_and_tried_again(db: Database) -> anyorm::Result<()> {
    let Two { mut session, bob, notes, .. } = two_authors(&db).await?;
    let cy = session.add(user("Cy"));
    session.commit().await?;
    session[notes].author = bob.into();
    session[cy].posts.push(notes);
    session.flush().await.expect_err("they differ");
    session[cy].posts.remove(notes);
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 2)]);
    assert_eq!(session[cy].posts.loaded(), Some(&[][..]));
    Ok(())
}

/// Rule 12, for pairs.
async fn a_pair_pushed_on_either_side_shows_on_the_other(db: Database) -> anyorm::Result<()> {
    let Two { mut session, notes, .. } = two_authors(&db).await?;
    let [red, blue] = ["red", "blue"].map(|name| session.add(tag(name)));
    session[notes].tags.push(red);
    session[blue].posts.push(notes);
    session.commit().await?;
    assert_eq!(session[red].posts.loaded(), Some(&[notes][..]));
    assert_eq!(session[notes].tags.loaded(), Some(&[red, blue][..]));
    assert_eq!(pairs(&db).await?, [(1, 1), (1, 2)]);
    assert!(!session.is_dirty());
    Ok(())
}

/// Behaviour M3.
async fn m3_a_pair_pushed_on_both_sides_is_one_row(db: Database) -> anyorm::Result<()> {
    let Two { mut session, notes, .. } = two_authors(&db).await?;
    let red = session.add(tag("red"));
    session[notes].tags.push(red);
    session[red].posts.push(notes);
    session.commit().await?;
    let insert: Vec<String> = sent(&db).into_iter().filter(|sql| sql.contains("post_tags")).collect();
    assert_eq!(insert.len(), 1, "{insert:?}");
    assert!(insert[0].ends_with(" x1"), "{insert:?}");
    assert_eq!(pairs(&db).await?, [(1, 1)]);
    let mut other = db.engine.session();
    let notes = other.one(Post::select().with(Post::TAGS)).await?;
    assert_eq!(other[notes].tags.len(), 1);
    Ok(())
}

/// Rule 12, for pairs.
async fn a_pair_removed_on_either_side_leaves_the_other(db: Database) -> anyorm::Result<()> {
    let Two { mut session, notes, .. } = two_authors(&db).await?;
    let [red, blue] = ["red", "blue"].map(|name| session.add(tag(name)));
    session[notes].tags = vec![red, blue].into();
    session.commit().await?;
    session[notes].tags.remove(red);
    session[blue].posts.remove(notes);
    session.commit().await?;
    assert_eq!(session[notes].tags.loaded(), Some(&[][..]));
    assert_eq!(session[red].posts.loaded(), Some(&[][..]));
    assert_eq!(pairs(&db).await?, []);
    Ok(())
}

/// Rule 12: one side changed, it wins over the other, which still has the pair.
async fn a_pair_removed_on_one_side_and_kept_on_the_other_goes(db: Database) -> anyorm::Result<()> {
    let Two { mut session, notes, .. } = two_authors(&db).await?;
    let [red, blue] = ["red", "blue"].map(|name| session.add(tag(name)));
    session[notes].tags.push(red);
    session.commit().await?;
    session[red].posts.remove(notes);
    // The other side is changed as well, but says nothing about this pair.
    session[notes].tags.push(blue);
    session.commit().await?;
    assert_eq!(pairs(&db).await?, [(1, 2)]);
    assert_eq!(session[notes].tags.loaded(), Some(&[blue][..]));
    Ok(())
}

/// Behaviour M4.
async fn m4_mutual_references_by_pairs_to_itself(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&schema![Person]).await?;
    let mut session = db.engine.session();
    let [one, two] =
        ["one", "two"].map(|name| session.add(Person { name: name.into(), ..Person::default() }));
    session[two].parents = vec![one].into();
    session[one].parents.push(two);
    session.commit().await?;
    let query = sql("SELECT child_id, parent_id FROM parenthood ORDER BY child_id");
    assert_eq!(db.engine.all(query.returning::<(i64, i64)>()).await?, [(1, 2), (2, 1)]);
    assert_eq!(session[one].children.loaded(), Some(&[two][..]));
    assert_eq!(session[two].children.loaded(), Some(&[one][..]));
    Ok(())
}

/// Rule 13.
async fn a_link_to_a_key_needs_no_handle(db: Database) -> anyorm::Result<()> {
    let Two { session, bob, .. } = two_authors(&db).await?;
    let id = session[bob].id;
    let mut other = db.engine.session();
    let letter = other.add(post("Letter", BelongsTo::to_key(id)));
    db.log.clear();
    other.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(other[letter].author.key(), Some(&id));
    assert_eq!(posts(&db).await?[1], ("Letter".to_owned(), id));
    Ok(())
}

/// Rule 13.
async fn a_link_to_a_handle_writes_its_key(db: Database) -> anyorm::Result<()> {
    let Two { mut session, notes, .. } = two_authors(&db).await?;
    let cy = session.add(user("Cy"));
    session[notes].author = cy.into();
    assert_eq!(session[notes].author.key(), None, "not known before the flush");
    session.commit().await?;
    assert_eq!(session[notes].author.key(), Some(&session[cy].id));
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), session[cy].id)]);
    Ok(())
}

/// Rule 13: the changed one wins.
async fn a_key_assigned_over_a_handle_wins(db: Database) -> anyorm::Result<()> {
    let Two { mut session, ada, bob, notes } = two_authors(&db).await?;
    session[notes].author = BelongsTo::to_key(session[bob].id);
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 2)]);
    assert_eq!(session[ada].posts.loaded(), Some(&[][..]));
    assert_eq!(session[bob].posts.loaded(), Some(&[notes][..]), "the session has the entity of this key");
    Ok(())
}

/// Rule 13.
async fn a_handle_assigned_over_a_key_wins(db: Database) -> anyorm::Result<()> {
    two_authors(&db).await?;
    let mut session = db.engine.session();
    let notes = session.get_one::<Post>(1).await?;
    let bob = session.get_one::<User>(2).await?;
    assert_eq!(session[notes].author.key(), Some(&1));
    session[notes].author = bob.into();
    session.commit().await?;
    assert_eq!(session[notes].author.handle(), Some(bob));
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 2)]);
    Ok(())
}

/// Rule 13: what would be stored decides.
async fn the_same_target_in_another_form_is_no_change(db: Database) -> anyorm::Result<()> {
    let Two { mut session, ada, notes, .. } = two_authors(&db).await?;
    session[notes].author = BelongsTo::to_key(session[ada].id);
    assert!(!session.is_dirty());
    session[notes].author = ada.into();
    assert!(!session.is_dirty());
    session.commit().await?;
    assert_eq!(db.log.hops(), 0);
    Ok(())
}

/// Behaviour F17.
async fn f17_a_link_emptied_while_its_target_is_not_loaded(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    elsewhere(&db, "INSERT INTO nodes VALUES (1, 'root', NULL), (2, 'a', 1)").await?;
    let mut session = db.engine.session();
    let child = session.get_one::<Node>(2).await?;
    session[child].parent = None.into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE nodes SET parent_id = ? WHERE id = ? x1"]);
    assert_eq!(db.log.hops(), 1);
    assert_eq!(nodes(&db).await?[1], ("a".to_owned(), None));
    Ok(())
}

/// Rule 13, and promise 7: errors name things.
async fn an_empty_required_link_is_refused_by_name(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let orphan = session.add(Post { title: "Orphan".into(), ..Post::default() });
    let error = session.commit().await.expect_err("no author");
    let text = error.to_string();
    assert!(text.contains("Post") && text.contains("author"), "{text}");
    assert_eq!(db.engine.count(Post::select()).await?, 0);
    session.recover().await?;
    session[orphan].author = user("Ada").into();
    session.commit().await?;
    assert_eq!(posts(&db).await?, [("Orphan".to_owned(), 1)]);
    Ok(())
}

/// Promise 7: entity, column and constraint.
async fn a_link_to_a_row_that_is_not_there_names_the_column(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(post("Notes", BelongsTo::to_key(99)));
    let error = session.commit().await.expect_err("nobody has this key");
    let constraint = error.constraint().expect("a constraint");
    assert_eq!(constraint.kind, anyorm::error::ConstraintKind::ForeignKey);
    assert_eq!(constraint.entity, Some("Post"));
    assert!(error.to_string().contains("author_id"), "{error}");
    assert!(error.sql().is_some_and(|sql| sql.contains("posts")), "{error}");
    session.rollback().await?;
    assert_eq!(db.engine.count(Post::select()).await?, 0);
    Ok(())
}

/// Rules 6 and 13.
async fn a_link_to_a_deleted_entity_is_refused(db: Database) -> anyorm::Result<()> {
    let Two { mut session, bob, notes, .. } = two_authors(&db).await?;
    session[notes].author = bob.into();
    session.delete(bob);
    let error = session.commit().await.expect_err("the author goes");
    let text = error.to_string();
    assert!(text.contains("Post") && text.contains("author"), "{text}");
    session.rollback().await?;
    assert_eq!(posts(&db).await?, [("Notes".to_owned(), 1)]);
    assert_eq!(db.engine.count(User::select()).await?, 2);
    assert_eq!(db.engine.count(Tag::select()).await?, 0);
    Ok(())
}

/// Behaviour K11: `add` cannot fail, so it is a flush error.
async fn k11_a_handle_of_another_session_inside_a_value_is_refused(db: Database) -> anyorm::Result<()> {
    let Two { session: one, ada, .. } = two_authors(&db).await?;
    let mut two = db.engine.session();
    let letter = two.add(post("Letter", ada));
    db.log.clear();
    let error = two.flush().await.expect_err("a foreign handle");
    assert!(matches!(error, anyorm::Error::Flush(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("Post") && text.contains("session"), "{text}");
    assert_eq!(db.log.hops(), 0);
    two[letter].author = BelongsTo::to_key(one[ada].id);
    two.commit().await?;
    assert_eq!(posts(&db).await?.len(), 2);
    Ok(())
}

/// Rule 12: they differ: a flush error naming both.
async fn a_child_in_two_collections_is_refused(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let [one, two, child] = ["one", "two", "child"].map(|name| session.add(node(name)));
    session.commit().await?;
    session[one].children.push(child);
    session[two].children.push(child);
    db.log.clear();
    let error = session.flush().await.expect_err("two parents");
    assert!(matches!(error, anyorm::Error::Flush(_)), "{error}");
    let text = error.to_string();
    for part in ["Node 3", "Node 1", "Node 2"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(db.log.hops(), 0, "nothing was sent");
    Ok(())
}

/// Rule 12: the link was empty, now it leads to one parent while another one's collection has the child.
async fn a_link_set_and_a_push_elsewhere_are_refused(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let [one, two, child] = ["one", "two", "child"].map(|name| session.add(node(name)));
    session.commit().await?;
    session[child].parent = one.into();
    session[two].children.push(child);
    let error = session.flush().await.expect_err("linked to one, pushed to two");
    assert!(matches!(error, anyorm::Error::Flush(_)), "{error}");
    Ok(())
}
