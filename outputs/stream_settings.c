#include "outputs/stream_settings.h"

#include "outputs/endpoint.h"

int stream_settings_check(const struct config_node *cfg, const struct stream_settings *settings,
			  struct errmsg *em)
{
	struct endpoint proxy;
	struct errmsg why;

	if (!settings->proxy[0]) {
		if (settings->proxy_user[0] || settings->proxy_password)
			return config_error(cfg, em, "proxy_user and proxy_password need proxy");
		return 0;
	}
	if (endpoint_parse(settings->proxy, 0, &proxy, &why) != 0 || endpoint_is_unix(&proxy))
		return config_error(config_node_get(cfg, "proxy"), em,
				    "proxy: \"%.200s\" is not HOST:PORT", settings->proxy);
	if (strchr(settings->proxy_user, ':'))
		return config_error(config_node_get(cfg, "proxy_user"), em,
				    "proxy_user can't have a colon in it");
	return 0;
}
