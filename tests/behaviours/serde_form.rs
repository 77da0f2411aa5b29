//! What serde sees of entities: a link is its key, a loaded collection its members' keys, any other collection null.

use anyorm::prelude::*;
use anyorm_tests::{Post, Tag, User, blog, post, tag, user};
use orm_testkit::{Behaviour, Database, behaviours};
use serde_json::{json, to_value};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    links_are_keys_and_loaded_collections_lists_of_them,
    what_was_not_loaded_is_null,
    links_are_read_from_keys,
];

async fn links_are_keys_and_loaded_collections_lists_of_them(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    let ada = session.add(user("Ada"));
    let notes = session.add(post("Notes", ada));
    let engines = session.add(tag("engines"));
    session[notes].tags.push(engines);
    session.commit().await?;
    let shown = json!({ "id": 1, "title": "Notes", "author": 1, "tags": [1], "version": 0 });
    assert_eq!(to_value(&session[notes]).unwrap(), shown, "after a flush");
    assert_eq!(to_value(&session[ada]).unwrap()["posts"], json!([1]), "the other side too");

    let mut session = db.engine.session();
    let users = session.all(User::select().with(User::POSTS.then(Post::TAGS))).await?;
    let notes = session[users[0]].posts.iter().copied().next().expect("a post");
    assert_eq!(to_value(&session[notes]).unwrap(), shown, "after a load");
    let detached = session.detach(notes);
    assert_eq!(to_value(&detached).unwrap(), shown, "after a detach");
    Ok(())
}

async fn what_was_not_loaded_is_null(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(tag("engines"));
    session.commit().await?;
    let tags: Vec<Tag> = db.engine.all(Tag::select()).await?;
    assert_eq!(to_value(&tags[0]).unwrap(), json!({ "id": 1, "name": "engines", "posts": null }));
    Ok(())
}

async fn links_are_read_from_keys(db: Database) -> anyorm::Result<()> {
    db.engine.create_all(&blog()).await?;
    let mut session = db.engine.session();
    session.add(user("Ada"));
    session.commit().await?;
    let sent = json!({ "id": 0, "title": "Letter", "author": 1, "tags": null, "version": 0 });
    let letter = session.add(serde_json::from_value::<Post>(sent).expect("a post"));
    session.commit().await?;
    assert_eq!(session[letter].author.key(), Some(&1));
    Ok(())
}
