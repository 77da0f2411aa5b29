//! Dropping each of some calls at each of its polls.

/// Drops each of some calls of `$on` at each of its polls, checking in between: `$on` is made anew for each.
macro_rules! each_call {
    ($on:ident = $make:expr; [$($call:expr),* $(,)?]; $stop:ident, $ended:ident => $check:block) => {$(
        for $stop in orm_testkit::stop::stops() {
            #[allow(unused_mut, reason = "some calls take `&self`")]
            let mut $on = $make;
            let output = $stop.at(async { $call.await.map(drop) });
            let $ended = output.transpose()?.is_some();
            $check
            if $ended {
                break;
            }
        }
    )*};
}

/// [`each_call`] with the verbs that all have. There must be one account, of key 1.
macro_rules! each_verb {
    ($on:ident = $make:expr; $stop:ident, $ended:ident => $check:block) => {
        $crate::drops::calls::each_call!(
            $on = $make;
            [
                $on.all(Account::select()),
                $on.first(Account::select()),
                $on.one(Account::select()),
                $on.scalar(Account::select().columns(Account::BALANCE)),
                $on.count(Account::select()),
                $on.exists(Account::select()),
                $on.execute(Account::update().set(Account::BALANCE, 10).everything()),
            ];
            $stop, $ended => $check
        )
    };
}

pub(crate) use {each_call, each_verb};
