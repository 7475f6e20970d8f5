//! Lists in pages.

use rmcp::ErrorData;
use rmcp::model::PaginatedRequestParams;

/// How many things are on a page.
pub const PAGE: usize = 100;

/// The page of `all` that was asked for, and where the next one begins. A cursor is ours, but comes from outside.
pub fn page<T>(all: Vec<T>, asked: Option<PaginatedRequestParams>) -> Result<(Vec<T>, Option<String>), ErrorData> {
    let from = match asked.and_then(|asked| asked.cursor) {
        None => 0,
        Some(cursor) => {
            let bad = || ErrorData::invalid_params("the cursor is not one that this server gave: begin again", None);
            cursor.strip_prefix('p').and_then(|at| at.parse::<usize>().ok()).ok_or_else(bad)?
        }
    };
    let end = from.saturating_add(PAGE);
    let next = (end < all.len()).then(|| format!("p{end}"));
    Ok((all.into_iter().skip(from).take(PAGE).collect(), next))
}

/// A page of a list as the result of a request; the SDK has a type of its own for each list.
macro_rules! paged {
    ($result:ident, $all:expr, $asked:expr) => {{
        let (page, next) = cursor::page($all, $asked)?;
        let mut result = $result::with_all_items(page);
        result.next_cursor = next;
        Ok(result)
    }};
}
pub(super) use paged;

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(cursor: &str) -> Option<PaginatedRequestParams> {
        Some(PaginatedRequestParams::default().with_cursor(Some(cursor.into())))
    }

    #[test]
    fn pages_hold_everything_once() {
        let all: Vec<usize> = (0..250).collect();
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let (page, next) = page(all.clone(), cursor.as_deref().and_then(asked)).expect("a page");
            seen.extend(page);
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
        assert_eq!(page(vec![1], asked("p500")).expect("empty").0, Vec::<i32>::new());
        for bad in ["", "p", "p-1", "500", "p99999999999999999999999", "../x"] {
            assert!(page(vec![1], asked(bad)).is_err(), "{bad}");
        }
    }
}
