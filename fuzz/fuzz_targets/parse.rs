//! Any text is compiled or refused with diagnostics that can be shown.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|source: &str| {
    for diagnostic in neutron::check(source, "fuzz.nt", &neutron::NoFiles) {
        let text = diagnostic.render();
        assert!(text.contains("fuzz.nt:"), "{text}");
    }
    if let Ok(checked) = neutron::compile(source, "fuzz.nt", &neutron::NoFiles) {
        assert!(checked.code.modules.contains_key("fuzz.nt"));
    }
});
