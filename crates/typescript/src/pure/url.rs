//! URLs, as the WHATWG standard reads and changes them.

use run::Failure;
use serde::{Deserialize, Serialize};
use url::{Url, quirks};

use super::Answer;

#[derive(Deserialize)]
pub struct Parse {
    url: String,
    base: Option<String>,
}

#[derive(Deserialize)]
pub struct Set {
    href: String,
    part: String,
    value: String,
}

#[derive(Serialize)]
struct Parts<'a> {
    href: &'a str,
    origin: String,
    protocol: &'a str,
    username: &'a str,
    password: &'a str,
    host: &'a str,
    hostname: &'a str,
    port: &'a str,
    pathname: &'a str,
    search: &'a str,
    hash: &'a str,
}

fn answer(url: &Url) -> Result<Answer, Failure> {
    Answer::of(&Parts {
        href: quirks::href(url),
        origin: quirks::origin(url),
        protocol: quirks::protocol(url),
        username: quirks::username(url),
        password: quirks::password(url),
        host: quirks::host(url),
        hostname: quirks::hostname(url),
        port: quirks::port(url),
        pathname: quirks::pathname(url),
        search: quirks::search(url),
        hash: quirks::hash(url),
    })
}

fn invalid(url: &str, base: Option<&str>) -> Failure {
    let with = base.map_or(String::new(), |base| format!(" with the base {base:?}"));
    Failure::with_code("TypeError", "ERR_INVALID_URL", format!("Invalid URL: {url:?}{with}"))
}

pub fn parse(arguments: Parse) -> Result<Answer, Failure> {
    let Parse { url, base } = &arguments;
    let parsed = match base {
        Some(base) => Url::parse(base).and_then(|base| base.join(url)),
        None => Url::parse(url),
    };
    answer(&parsed.map_err(|_| invalid(url, base.as_deref()))?)
}

/// Changes a part; a value that does not fit leaves the URL as it is, except for `href`.
pub fn set(arguments: Set) -> Result<Answer, Failure> {
    let Set { href, part, value } = &arguments;
    let mut url = Url::parse(href).map_err(|_| invalid(href, None))?;
    match part.as_str() {
        "href" => url = Url::parse(value).map_err(|_| invalid(value, None))?,
        "protocol" => drop(quirks::set_protocol(&mut url, value)),
        "username" => drop(quirks::set_username(&mut url, value)),
        "password" => drop(quirks::set_password(&mut url, value)),
        "host" => drop(quirks::set_host(&mut url, value)),
        "hostname" => drop(quirks::set_hostname(&mut url, value)),
        "port" => drop(quirks::set_port(&mut url, value)),
        "pathname" => quirks::set_pathname(&mut url, value),
        "search" => quirks::set_search(&mut url, value),
        "hash" => quirks::set_hash(&mut url, value),
        _ => return Err(Failure::new("TypeError", format!("a URL has no part {part:?}"))),
    }
    answer(&url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(answer: Result<Answer, Failure>, name: &str) -> String {
        let parts: serde_json::Value = serde_json::from_str(&answer.unwrap().json).unwrap();
        parts[name].as_str().unwrap().into()
    }

    #[test]
    fn parses_and_sets() {
        let parse = |url: &str, base: Option<&str>| parse(Parse { url: url.into(), base: base.map(Into::into) });
        assert_eq!(
            part(parse("../b?x=1#h", Some("https://u:p@e.org:8080/a/c")), "href"),
            "https://u:p@e.org:8080/b?x=1#h"
        );
        assert_eq!(part(parse("HTTPS://EXAMPLE.org:443/é", None), "href"), "https://example.org/%C3%A9");
        assert!(parse("nowhere", None).is_err());
        let set = |part: &str, value: &str| {
            set(Set { href: "https://e.org/a?b#c".into(), part: part.into(), value: value.into() })
        };
        assert_eq!(part(set("port", "99"), "host"), "e.org:99");
        assert_eq!(part(set("protocol", "nonsense:"), "href"), "https://e.org/a?b#c");
        assert_eq!(part(set("search", ""), "href"), "https://e.org/a#c");
        assert!(set("href", "").is_err());
        assert!(set("colour", "").is_err());
    }
}
