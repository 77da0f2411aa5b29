//! What is shown: plain values for JSON and for the page, made of entities in a session.

use anyorm::prelude::*;
use serde::Serialize;

use crate::entities::{Comment, Post, User};

#[derive(Debug, Serialize)]
pub(crate) struct UserView {
    pub(crate) id: i64,
    pub(crate) name: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct PostView {
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) text: String,
    /// The day, as in 2026-01-31.
    pub(crate) published: String,
    pub(crate) author: UserView,
    pub(crate) tags: Vec<String>,
    pub(crate) comments: Vec<CommentView>,
    pub(crate) version: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct CommentView {
    pub(crate) author: UserView,
    pub(crate) text: String,
}

impl UserView {
    /// The address is nobody else's business.
    pub(crate) fn of(user: &User) -> Self {
        Self { id: user.id, name: user.name.clone() }
    }
}

impl PostView {
    /// A post whose author, tags and comments are loaded.
    pub(crate) fn of(session: &Session, post: Handle<Post>) -> Self {
        let post = &session[post];
        let mut tags: Vec<String> = post.tags.iter().map(|&tag| session[tag].name.clone()).collect();
        tags.sort();
        Self {
            id: post.id,
            title: post.title.clone(),
            text: post.text.clone(),
            published: day(post.published),
            author: author(session, &post.author),
            tags,
            comments: post
                .comments
                .iter()
                .map(|&comment| CommentView::of(session, &session[comment]))
                .collect(),
            version: post.version,
        }
    }
}

impl CommentView {
    fn of(session: &Session, comment: &Comment) -> Self {
        Self { author: author(session, &comment.author), text: comment.text.clone() }
    }
}

fn author(session: &Session, author: &BelongsTo<User>) -> UserView {
    let user = author.handle().expect("authors are loaded with what they wrote");
    UserView::of(&session[user])
}

/// The day of a moment, in UTC, by the civil calendar: years begin in March here, so that the leap day is the last.
pub(crate) fn day(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400) + 719_468; // since the first of March of the year 0
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153; // 0 is March
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (0, month + 3) } else { (1, month - 9) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year_of_era + year)
}

#[cfg(test)]
mod tests {
    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_798_761_599, "2026-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(super::day(seconds), day);
        }
    }
}
