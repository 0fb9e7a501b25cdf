/** The configuration of nginx with nchan: one worker, a journal as long as the hub's. */

/** @param folder - where nginx may write; `module` is nchan's file */
export function nchanConfig(port: number, folder: string, module: string): string {
  return `load_module ${module};
daemon off;
worker_processes 1;
worker_rlimit_nofile 65536;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log error;
events { worker_connections 60000; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 1000000;
  nchan_shared_memory_size 512M;
  nchan_message_buffer_length 1000;
  nchan_message_timeout 5m;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /sse { nchan_subscriber eventsource; nchan_channel_id all; nchan_subscriber_first_message newest; nchan_eventsource_ping_interval 0; }
    location = /broadcast { nchan_publisher; nchan_channel_id all; }
    location ~ ^/sse/(\\w+)$ { nchan_subscriber eventsource; nchan_channel_id $1; nchan_subscriber_first_message newest; nchan_eventsource_ping_interval 0; }
    location ~ ^/clients/(\\w+)$ { nchan_publisher; nchan_channel_id $1; }
  }
}
`
}
