/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How names may look: DNS-1123 labels and subdomains, label keys and values,
 * port names, as in k8s.io/apimachinery/pkg/util/validation.
 */
#include <ctype.h>
#include <string.h>

#include "policy/decode/fields.h"

#define DNS_LABEL_MAX	  63
#define DNS_SUBDOMAIN_MAX 253
#define LABEL_NAME_MAX	  63
#define PORT_NAME_MAX	  15

static bool is_dns_label(const char *s, size_t len)
{
	if (!len || s[0] == '-' || s[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!islower((unsigned char)s[i]) && !isdigit((unsigned char)s[i]) && s[i] != '-')
			return false;
	return true;
}

static bool is_dns_subdomain(const char *s, size_t len)
{
	if (!len || len > DNS_SUBDOMAIN_MAX)
		return false;
	for (const char *end = s + len; s <= end;) {
		const char *dot = memchr(s, '.', (size_t)(end - s));
		size_t n = (size_t)((dot ? dot : end) - s);

		if (!is_dns_label(s, n))
			return false;
		s += n + 1;
	}
	return true;
}

/* [A-Za-z0-9] at both ends, also -_. between */
static bool is_qualified_part(const char *s, size_t len)
{
	if (!len || len > LABEL_NAME_MAX || !isalnum((unsigned char)s[0]) ||
	    !isalnum((unsigned char)s[len - 1]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("-_.", s[i]))
			return false;
	return true;
}

const char *weir_syntax_dns_label(const char *s)
{
	if (strlen(s) <= DNS_LABEL_MAX && is_dns_label(s, strlen(s)))
		return NULL;
	return "want at most 63 lower case letters, digits and '-', with a letter or digit at "
	       "both ends";
}

const char *weir_syntax_dns_subdomain(const char *s)
{
	if (is_dns_subdomain(s, strlen(s)))
		return NULL;
	return "want at most 253 lower case letters, digits, '-' and '.', with a letter or digit "
	       "at the ends of each part";
}

const char *weir_syntax_label_key(const char *s)
{
	const char *slash = strchr(s, '/');
	const char *name = slash ? slash + 1 : s;

	if (is_qualified_part(name, strlen(name)) &&
	    (!slash || is_dns_subdomain(s, (size_t)(slash - s))))
		return NULL;
	return "want NAME or DOMAIN/NAME, the name at most 63 letters, digits, '-', '_' and '.', "
	       "with a letter or digit at both ends";
}

const char *weir_syntax_label_value(const char *s)
{
	if (!*s || is_qualified_part(s, strlen(s)))
		return NULL;
	return "want at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both "
	       "ends, or nothing";
}

const char *weir_syntax_port_name(const char *s)
{
	bool letter = false;

	for (const char *p = s; *p; p++)
		letter |= islower((unsigned char)*p) != 0;
	if (letter && strlen(s) <= PORT_NAME_MAX && is_dns_label(s, strlen(s)) && !strstr(s, "--"))
		return NULL;
	return "want a number without quotes, or a port name: at most 15 lower case letters, "
	       "digits and single '-', with at least one letter";
}
