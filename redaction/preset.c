#include "redaction/preset.h"

#include "base/compiler.h"

/* Names that say "what follows is a secret". */
#define SECRET_WORD                                                              \
	"(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|" \
	"secret[_-]?key|auth[_-]?key|account[_-]?key|client[_-]?secret|credentials?)"

#define MYSQL_PROGRAM "(?:mysql(?:dump|admin|import|show|check|pump|slap)?|mariadb(?:-[a-z]+)?)"

/* Between a program and its option: words of the same command, taken whole, so that trying them one
 * after the other costs a step for a word and not for a byte. */
#define WORDS_BEFORE "(?:\\s++[^\\s|;&]++)*?\\s++"
/* The option, which holds a capture group, and twice more where it comes again. */
#define WITHIN(option) \
	WORDS_BEFORE option "(?:" WORDS_BEFORE option "(?:" WORDS_BEFORE option ")?+)?+"

#define CURL_USER                                                              \
	"(?:-[a-zA-Z#]*?[uU]|--user|--proxy-user)(?:\\s*=\\s*|\\s*)[^\\s:]*+:" \
	"(\\S+)"

static const char *const mysql[] = { "(?:^|/)" MYSQL_PROGRAM "$" };
static const char *const sshpass[] = { "(?:^|/)sshpass$" };
static const char *const curl[] = { "(?:^|/)curl$" };
static const char *const redis[] = { "(?:^|/)(?:redis|valkey)-cli$" };
static const char *const ldap[] = { "(?:^|/)ldap[a-z]+$" };
static const char *const openssl[] = { "(?:^|/)openssl$" };
static const char *const registry[] = { "(?:^|/)(?:docker|podman|nerdctl|skopeo|helm|oras)$" };

#define FOR(programs) .binaries = (programs), .binaries_count = ARRAY_SIZE(programs)

/* Each is written so that its own fixed text is long and rare (it is what the prefilter looks
 * for), and so that repeats give back little of what they took: cost stays linear. */
static const struct redaction_rule_settings presets[] = {
	/* Secrets that can be told by their shape alone. */
	{ .id = "preset/aws-access-key",
	  .pattern = "(?<![A-Za-z0-9])((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})(?![A-Za-z0-9])" },
	{ .id = "preset/gcp-api-key", .pattern = "\\b(AIza[0-9A-Za-z_-]{35})(?![0-9A-Za-z_-])" },
	{ .id = "preset/gcp-oauth-token", .pattern = "\\b(ya29\\.[0-9A-Za-z_-]{20,})" },
	{ .id = "preset/azure-client-secret",
	  .pattern = "(?<![A-Za-z0-9_~.-])([A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34})"
		     "(?![A-Za-z0-9_~.-])" },
	{ .id = "preset/azure-sas", .pattern = "[?&;]sig=([A-Za-z0-9%+/=]{20,})" },
	{ .id = "preset/github-token",
	  .pattern = "(?<![A-Za-z0-9])((?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36,}|"
		     "github_pat_[A-Za-z0-9_]{40,})" },
	{ .id = "preset/gitlab-token",
	  .pattern = "(?<![A-Za-z0-9])((?:glpat|gldt|glrt|glptt|glsoat|glft|glimt|glagent|glcbt)-"
		     "[A-Za-z0-9_.-]{20,})" },
	{ .id = "preset/slack-token",
	  .pattern = "(?<![A-Za-z0-9])((?:xoxa|xoxb|xoxe|xoxo|xoxp|xoxr|xoxs|xapp)[-.]"
		     "[A-Za-z0-9.-]{10,})" },
	{ .id = "preset/slack-webhook",
	  .pattern = "(?i)hooks\\.slack\\.com/(?:services|workflows|triggers)/([^\\s\"']{10,})" },
	{ .id = "preset/stripe-key",
	  .pattern = "(?<![A-Za-z0-9])((?:sk_live|sk_test|rk_live|rk_test)_[A-Za-z0-9]{10,}|"
		     "whsec_[A-Za-z0-9+/=]{20,})" },
	{ .id = "preset/npm-token", .pattern = "(?<![A-Za-z0-9])(npm_[A-Za-z0-9]{36,})" },
	{ .id = "preset/npm-auth", .pattern = "(?i):_(?:authToken|auth|password)\\s*=\\s*(\\S+)" },
	{ .id = "preset/pypi-token", .pattern = "\\b(pypi-AgE[A-Za-z0-9_-]{50,})" },
	{ .id = "preset/vault-token",
	  .pattern = "(?<![A-Za-z0-9])((?:hvs|hvb|hvr)\\.[A-Za-z0-9_-]{24,})" },
	{ .id = "preset/docker-token", .pattern = "\\b(dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,})" },
	{ .id = "preset/digitalocean-token",
	  .pattern = "\\b((?:dop|doo|dor)_v1_[0-9a-f]{64})(?![0-9a-f])" },
	{ .id = "preset/sendgrid-key",
	  .pattern = "\\b(SG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43})(?![A-Za-z0-9_-])" },
	{ .id = "preset/ai-key",
	  .pattern = "(?<![A-Za-z0-9])((?:sk-ant|sk-proj|sk-svcacct)-[A-Za-z0-9_-]{20,}|"
		     "hf_[A-Za-z]{34})(?![A-Za-z0-9_-])" },
	{ .id = "preset/jwt",
	  .pattern = "(?<![A-Za-z0-9_-])(eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{8,}\\."
		     "[A-Za-z0-9_-]*)" },
	{ .id = "preset/private-key",
	  .pattern = "-----BEGIN (?:[A-Z0-9]++ )*PRIVATE KEY(?: BLOCK)?-----"
		     "([^-]*+(?:-(?!----END )[^-]*+)*+)" },

	/* Secrets that can be told by what stands before them. */
	{ .id = "preset/url-password", .pattern = "://[^\\s/:@?#]*+:([^\\s/?#]*)@" },
	{ .id = "preset/authorization-header",
	  .pattern = "(?i)\\bauthorization[\"']?\\s*[:=]\\s*[\"']?(?:(?:bearer|basic|token|digest|"
		     "negotiate|apikey|aws4-hmac-sha256)\\s+)?+(\\S+)" },
	{ .id = "preset/bearer", .pattern = "(?i)\\bbearer[\\s:=]\\s*([A-Za-z0-9._~+/=-]{16,})" },
	{ .id = "preset/secret-header",
	  .pattern = "(?i)\\b(?:x-api-key|x-auth-token|x-vault-token|x-amz-security-token|"
		     "x-goog-api-key|x-csrf-token|private-token|job-token|api-key|apikey)"
		     "[\"']?\\s*:\\s*[\"']?(\\S+)" },
	{ .id = "preset/secret-option",
	  .pattern =
		  "(?i)(?:^|\\s)--?(?:[a-z0-9]++[_.-])*" SECRET_WORD "(?:\\s*=\\s*|\\s+)(\\S+)" },
	{ .id = "preset/short-secret-option",
	  .pattern = "(?i)(?:^|\\s)--(?:[a-z0-9]+-)*+(?:pass|pwd|pw)(?:\\s*=\\s*|\\s+)(\\S+)" },
	{ .id = "preset/secret-assignment",
	  .pattern = "(?i)(?:" SECRET_WORD "|_pwd|_pass|pgpass|sshpass|connection_?string)"
		     "[\"']?\\s*=\\s*(\\S+)" },
	{ .id = "preset/secret-json",
	  .pattern = "(?i)" SECRET_WORD "\\\\?[\"']\\s*:\\s*\\\\?[\"']"
		     "((?:[^\"'\\\\]++|\\\\.)*+)" },

	/* Secrets behind options that mean something else elsewhere: by program. The second of a
	 * pair finds the program within the line, as in `sudo mysql -psecret`. */
	{ .id = "preset/mysql", .pattern = "(?:^|\\s)-p(\\S+)", FOR(mysql) },
	{ .id = "preset/mysql-within", .pattern = "(?:^|[\\s/])" MYSQL_PROGRAM WITHIN("-p(\\S+)") },
	{ .id = "preset/sshpass", .pattern = "(?:^|\\s)-[a-zA-Z]*p\\s*(\\S+)", FOR(sshpass) },
	{ .id = "preset/sshpass-within",
	  .pattern = "(?:^|[\\s/])sshpass" WITHIN("-[a-zA-Z]*p\\s*(\\S+)") },
	{ .id = "preset/curl-user", .pattern = "(?<!\\S)" CURL_USER, FOR(curl) },
	{ .id = "preset/curl-user-within", .pattern = "(?:^|[\\s/])curl" WITHIN(CURL_USER) },
	{ .id = "preset/redis", .pattern = "(?:^|\\s)-a\\s*(\\S+)", FOR(redis) },
	{ .id = "preset/ldap", .pattern = "(?:^|\\s)-w\\s*(\\S+)", FOR(ldap) },
	{ .id = "preset/openssl", .pattern = "\\bpass:(\\S+)", FOR(openssl) },
	{ .id = "preset/registry-login",
	  .pattern = "\\blogin\\s(?:.*?\\s)?(?:-[a-z]*p|--password)\\s*=?\\s*(\\S+)",
	  FOR(registry) },
};

const struct redaction_rule_settings *redaction_presets(size_t *count_r)
{
	*count_r = ARRAY_SIZE(presets);
	return presets;
}
