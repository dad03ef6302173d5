//! Telling the user something on standard error.

/// Like `eprintln!`, except that nobody needs to listen: a training goes on when the reader of its standard
/// error, such as `head`, has gone.
macro_rules! tell {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($argument)*);
    }};
}

pub(crate) use tell;
