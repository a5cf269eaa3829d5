// The grammar of swanctl.conf.
#include "gateway/settings.hpp"

#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "support/catch.hpp"

namespace {

using namespace gateway;

auto parse(const std::string& text, const includer& include = {}) -> result<section> {
    return parse_settings({"f", text}, include);
}
/// "a=1 s{b=2 t{}}": the tree in one line.
auto show(const section& s) -> std::string {
    std::string out;
    for (const setting& one : s.settings) out += (out.empty() ? "" : " ") + one.key + "=" + one.value;
    for (const section& one : s.sections) out += (out.empty() ? "" : " ") + one.name + "{" + show(one) + "}";
    return out;
}
auto show(const result<section>& s) -> std::string { return s ? show(*s) : s.error().text(); }

}  // namespace

TEST_CASE("settings are read by the grammar of swanctl.conf", "[gateway][settings]") {
    struct row {
        const char* what;
        std::string text, tree;
    };
    const auto r = GENERATE(values<row>({
        {"nothing", "", ""},
        {"comments alone", "# one\n  # two", ""},
        {"a key", "a = 1\n", "a=1"},
        {"no line end behind the last one", "a = 1", "a=1"},
        {"no blanks", "a=1", "a=1"},
        {"a carriage return", "a = 1\r\nb = 2\r\n", "a=1 b=2"},
        {"blanks inside of a value stay, those around it go", "a = \t one  two \t\n", "a=one  two"},
        {"a comment behind a value", "a = 1 # not this", "a=1"},
        {"an IPv6 address, an equals sign, a comma", "a = fd01::1,x=y", "a=fd01::1,x=y"},
        {"a section", "s {\n a = 1\n}", "s{a=1}"},
        {"a brace on a line of its own", "s\n# here\n{ a = 1\n}", "s{a=1}"},
        {"a value ends at the brace that closes its section", "s { a = 1 }", "s{a=1}"},
        {"sections side by side in one line", "s { a = 1 } t { } u { v { b = 2 } }", "s{a=1} t{} u{v{b=2}}"},
        {"the same section twice is one", "s { a = 1 }\ns { b = 2 }", "s{a=1 b=2}"},
        {"quotes", "a = \"# } { = \" # not this", "a=# } { = "},
        {"an empty value in quotes", "a = \"\"", "a="},
        {"escapes", R"(a = "1\"2\\3\t4\x")", "a=1\"2\\3\t4x"},
        {"a quote that goes on in the next line", "a = \"one \\\n   two\"", "a=one two"},
        {"a value that goes on in the next line", "a = one, \\\r\n   two\nb = 3", "a=one, two b=3"},
        {"a backslash elsewhere is one", "a = one\\two", "a=one\\two"},
        {"names with other characters", "ike-1 { id%any/x = 1 }", "ike-1{id%any/x=1}"},
        {"a key that is called include", "include = 1\ninclude { }", "include=1 include{}"},
        {"a template", "base { a = 1\n t { b = 2 } }\ns : base { a = 3\n t { c = 4 } }", "base{a=1 t{b=2}} s{a=3 t{c=4 b=2}}"},
        {"a template inside of another section", "x { base { a = 1 } }\nx { s : x.base { } }", "x{base{a=1} s{a=1}}"},
        {"templates of templates in any order", "c : b { }\nb : a { y = 2 }\na { x = 1 }", "c{y=2 x=1} b{y=2 x=1} a{x=1}"},
        {"two templates, the first one counts", "a { x = 1 }\nb { x = 2\n y = 2 }\ns : a, b { }", "a{x=1} b{x=2 y=2} s{x=1 y=2}"},
    }));
    CAPTURE(r.what);
    CHECK(show(parse(r.text)) == r.tree);
}

TEST_CASE("a fault of the grammar has line, column and word", "[gateway][settings]") {
    struct row {
        const char* what;
        std::string text, fault;
    };
    const auto r = GENERATE(values<row>({
        {"a value is missing", "a =\nb = 1", "f:1:4: 'a' has no value"},
        {"nothing behind a key", "a", "f:1:1: 'a' is followed by neither '=' nor '{'"},
        {"something else behind a key", "a 1", "f:1:3: '1' where '=' or '{' behind 'a' was expected"},
        {"no key", "\n  = 1", "f:2:3: '=' where a key or the name of a section was expected"},
        {"a dot in a key", "a.b = 1", "f:1:2: '.' where '=' or '{' behind 'a' was expected"},
        {"an octet that is no text", std::string("a = 1\n\0", 7),
         R"(f:2:1: '\x00' where a key or the name of a section was expected)"},
        {"a control character in a value", "a = 1\x01", R"(f:1:6: control character '\x01' in a value)"},
        {"a section without end", "a {\n b = 1\n", "f:3:1: section 'a' of line 1 is not closed: '}' is missing"},
        {"the inner one without end", "a {\n b {\n }\n", "f:4:1: section 'a' of line 1 is not closed: '}' is missing"},
        {"a brace too many", "a {\n}\n }", "f:3:2: '}' closes nothing"},
        {"a brace in a value", "a = b {", "f:1:7: '{' in a value: put the value in quotes"},
        {"a quote in a value", "a = b\"c\"", "f:1:6: a quote in the middle of a value: put all of it in quotes"},
        {"a quote without end", "a = \"b\nc = 1", "f:1:5: the quote is not closed on its line"},
        {"a quote without end at the end", "a = \"b\\", "f:1:5: the quote is not closed on its line"},
        {"something behind a quote", "a = \"b\" c", "f:1:9: 'c' where the end of the line behind a quote was expected"},
        {"a key twice", "s { a = 1\n a = 2 }", "f:2:2: 'a' stands here a second time; first in f:1"},
        {"no such template", "s : t.u { }", "f:1:5: there is no section 't.u' to inherit from"},
        {"no name of a template", "s : { }", "f:1:5: '{' where the name of a section was expected"},
        {"a template of itself", "s : s { }", "f:1:5: section 's' would inherit from itself"},
        {"a template around itself", "s { t : s { } }", "f:1:9: section 's' would inherit from itself"},
        {"templates in a circle", "a : b { }\nb : a { }", "f:1:5: section 'b' would inherit from itself"},
        {"an include where there are no files", "include x", "f:1:9: an include is not possible here"},
        {"too deep", "a{a{a{a{a{a{a{a{a{a{a{", "f:1:21: sections are nested too deeply"},
    }));
    CAPTURE(r.what);
    CHECK(show(parse(r.text)) == r.fault);
}

TEST_CASE("templates inside of templates cannot grow without bound", "[gateway][settings]") {
    std::string text = "s0 { a { } }\n";
    for (int i = 1; i < 60; ++i)
        text += "s" + std::to_string(i) + " : s" + std::to_string(i - 1) + " { x" + std::to_string(i) + " : s" +
                std::to_string(i - 1) + " { } }\n";
    const auto s = parse(text);
    REQUIRE_FALSE(s);
    CHECK(s.error().what == "too much is inherited");
}

TEST_CASE("a place is where the word begins, in every file", "[gateway][settings]") {
    const auto s = parse("a = 1\n  s {\n\tkey =  \"v\"\n  }\n");
    REQUIRE(s);
    CHECK(s->settings[0].value_at == place{"f", 1, 5});
    CHECK(s->sections[0].at == place{"f", 2, 3});
    CHECK(s->sections[0].settings[0].key_at == place{"f", 3, 2});
    CHECK(s->sections[0].settings[0].value_at == place{"f", 3, 10});
}

TEST_CASE("an include stands for the files it names, where it stands", "[gateway][settings]") {
    const std::map<std::string, std::string> files{
        {"one", "b = 2\n"}, {"more", "include one\nt { c = 3 }"}, {"open", "u {"}, {"closed", "}"}, {"again", "include again"}};
    const includer include = [&files](const std::string& pattern,
                                      const std::string&) -> std::expected<std::vector<source>, std::string> {
        if (!files.contains(pattern)) return std::unexpected{in_quotes(pattern) + " is not there"};
        return std::vector<source>{{pattern, files.at(pattern)}};
    };
    struct row {
        const char* what;
        std::string text, tree;
    };
    const auto r = GENERATE(values<row>({
        {"at the top", "a = 1\ninclude one\n", "a=1 b=2"},
        {"in a section, in quotes", "s { include \"one\" }\n", "s{b=2}"},
        {"one that includes", "s {\n include more # twice removed\n}", "s{b=2 t{c=3}}"},
        {"a file closes what it opens", "include open\n}", "open:1:4: section 'u' of line 1 is not closed: '}' is missing"},
        {"a file does not close what others opened", "s { include closed }", "closed:1:1: '}' closes nothing"},
        {"a key twice, over files", "b = 1\ninclude one", "one:1:1: 'b' stands here a second time; first in f:1"},
        {"itself", "include again", "again:1:9: files include each other too deeply"},
        {"nothing", "s {\n  include none\n}", "f:2:11: 'none' is not there"},
        {"no pattern", "include # none", "f:1:9: 'include' has no value"},
    }));
    CAPTURE(r.what);
    CHECK(show(parse(r.text, include)) == r.tree);
}

TEST_CASE("files are found beside the file that includes them", "[gateway][settings]") {
    namespace fs = std::filesystem;
    const fs::path folder = fs::temp_directory_path() / ("ipsecpp-settings-" + std::to_string(std::random_device{}()));
    fs::create_directories(folder / "conf.d");
    const auto write = [&folder](const char* name, const std::string& text) { std::ofstream{folder / name} << text; };
    write("main.conf", "include conf.d/*.conf\ninclude none.d/*.conf\n");
    write("conf.d/b.conf", "b = 2\n");
    write("conf.d/a.conf", "a = 1\n");
    write("conf.d/c.txt", "}\n");
    write("lone.conf", "include none.conf\n");
    const auto in_folder = [&folder](const char* name) { return (folder / name).string(); };

    CHECK(show(read_settings(folder / "main.conf")) == "a=1 b=2");
    CHECK(show(read_settings(folder / "lone.conf")) ==
          in_folder("lone.conf") + ":1:9: '" + in_folder("none.conf") + "' cannot be read: No such file or directory");
    CHECK(show(read_settings(folder / "none.conf")) == in_folder("none.conf") + ": cannot be read: No such file or directory");
    CHECK(show(read_settings(folder)) == folder.string() + ": cannot be read: it is a folder");
    fs::remove_all(folder);
}
