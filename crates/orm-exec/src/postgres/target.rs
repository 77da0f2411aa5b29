//! Whether a server is the kind that was asked for: one that takes writes, one that follows another, ..

use std::pin::Pin;

use futures_lite::FutureExt as _;
use tokio_postgres::SimpleQueryMessage;

use crate::postgres::connect::Connected;
use crate::postgres::failure::Failure;
use crate::postgres::options::Target;

/// # Errors
/// Where it is another kind, or does not say.
pub(crate) async fn check(connected: &mut Connected, target: Target) -> Result<(), Failure> {
    if matches!(target, Target::Any | Target::PreferStandby) {
        return Ok(());
    }
    let follows = matches!(target, Target::Primary | Target::Standby);
    let setting = if follows { "in_hot_standby" } else { "default_transaction_read_only" };
    // From version 14 on the server says both at the start. It takes no writes while it follows another.
    let said =
        match (connected.connection.parameter("in_hot_standby"), connected.connection.parameter(setting)) {
            (Some(standby), Some(setting)) => Some(standby == "on" || setting == "on"),
            _ => None,
        };
    let is_on = match said {
        Some(is_on) => is_on,
        None => ask(connected, follows).await?,
    };
    let (fits, wanted) = match target {
        Target::ReadWrite => {
            (!is_on, "it takes no writes, and `target_session_attrs=read-write` asks for one that does")
        }
        Target::ReadOnly => {
            (is_on, "it takes writes, and `target_session_attrs=read-only` asks for one that does not")
        }
        Target::Primary => (
            !is_on,
            "it follows another server, and `target_session_attrs=primary` asks for one that does not",
        ),
        _ => (is_on, "it follows no other server, and `target_session_attrs` asks for a standby"),
    };
    match fits {
        true => Ok(()),
        false => Err(Failure::passing(wanted)),
    }
}

async fn ask(connected: &mut Connected, follows: bool) -> Result<bool, Failure> {
    let sql = match follows {
        true => "SELECT pg_catalog.pg_is_in_recovery()",
        false => "SHOW transaction_read_only",
    };
    let answer = connected.client.simple_query(sql);
    let driven = async {
        let end = Pin::new(&mut connected.connection).await;
        Err(end.err().map_or_else(Failure::closed, |error| Failure::of_start(&error)))
    };
    let messages = async { answer.await.map_err(|error| Failure::of_start(&error)) }.or(driven).await?;
    let value = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(matches!(value, Some("t" | "on")))
}
