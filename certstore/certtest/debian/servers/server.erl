#!/usr/bin/env escript
main([Port, Pki]) ->
    {ok, _} = application:ensure_all_started(ssl),
    {ok, L} = ssl:listen(list_to_integer(Port), [{ip, {127,0,0,1}}, {certfile, Pki ++ "/server.pem"}, {keyfile, Pki ++ "/server.key"}, {cacertfile, Pki ++ "/ca.pem"},
        {verify, verify_peer}, {fail_if_no_peer_cert, true}, {versions, ['tlsv1.2', 'tlsv1.3']}, {reuseaddr, true}, {active, false}, {log_level, none}]),
    accept(L).
accept(L) ->
    {ok, T} = ssl:transport_accept(L),
    Pid = spawn(fun() -> receive go -> serve(T) end end),
    ok = ssl:controlling_process(T, Pid),
    Pid ! go,
    accept(L).
serve(T) ->
    case ssl:handshake(T, 5000) of
        {ok, S} ->
            case ssl:recv(S, 0, 5000) of
                {ok, _} -> ssl:send(S, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"), ssl:close(S);
                E -> io:format("~p~n", [E])
            end;
        E -> io:format("~p~n", [E])
    end.
