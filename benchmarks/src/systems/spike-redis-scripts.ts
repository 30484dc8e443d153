const NAMES = `local J,R,L,F,M,D=KEYS[1],KEYS[2],KEYS[3],KEYS[4],KEYS[5],KEYS[6]
local call=redis.call
`;

/** Records, ids by priority (a prefix), leases, fences, meta, delayed jobs. */
export const KEYS = ["j", "r:", "l", "f", "m", "d"].map((name) => `{spike}:${name}`);

/** Published when a job comes to an idle queue. */
export const WAKE = "{spike}:jw";

/** ARGV: most jobs, then (id, priority, due, record) for each job. */
export const ENQUEUE = `${NAMES}
local n=(#ARGV-1)/4
local t=call('TIME'); local now=t[1]*1000+math.floor(t[2]/1000)
if call('HLEN',J)+n>tonumber(ARGV[1]) then return redis.error_reply('FULL') end
local dup,ids,lp,mask={},{},nil,nil
local function flush()
  if not lp or #ids==0 then return end
  call('RPUSH',R..lp,unpack(ids)); ids={}
  if not mask then mask=tonumber(call('HGET',M,'mask') or 0) end
  mask=bit.bor(mask,bit.lshift(1,tonumber(lp)))
end
for i=0,n-1 do
  local b=2+i*4
  local id,p=ARGV[b],ARGV[b+1]
  if call('HSETNX',J,id,ARGV[b+3])==1 then
    local due=tonumber(ARGV[b+2])
    if due>now then call('ZADD',D,due,p..':'..id)
    else
      if p~=lp then flush(); lp=p end
      ids[#ids+1]=id
    end
  else dup[#dup+1]=i end
end
flush()
if mask then call('HSET',M,'mask',mask) end
if call('HGET',M,'idle')=='1' then call('HSET',M,'idle','0'); call('PUBLISH',KEYS[1]..'w','') end
return dup`;

/** ARGV: jobs wanted, lease in milliseconds, token, settlements, then (id, token) for each settlement. */
export const EXCHANGE = `${NAMES}
local n=tonumber(ARGV[1]); local na=tonumber(ARGV[4])
local t=call('TIME'); local now=t[1]*1000+math.floor(t[2]/1000)
local lost={}
if na>0 then
  local ids={}
  for i=1,na do ids[i]=ARGV[3+i*2] end
  local f=call('HMGET',F,unpack(ids))
  local ok=ids
  for i=1,na do
    if f[i]~=ARGV[4+i*2] then
      ok={}
      for j=1,na do if f[j]==ARGV[4+j*2] then ok[#ok+1]=ids[j] else lost[#lost+1]=ids[j] end end
      break
    end
  end
  if #ok>0 then call('ZREM',L,unpack(ok)); call('HDEL',F,unpack(ok)); call('HDEL',J,unpack(ok)); call('HINCRBY',M,'done',#ok) end
end
local meta=call('HMGET',M,'paused','mask')
local mask=meta[2] and tonumber(meta[2]) or 0
local m0=mask
local ex=call('ZRANGE',L,'-inf',now,'BYSCORE','LIMIT',0,100)
for i=1,#ex do
  local id=ex[i]
  call('ZREM',L,id); call('HDEL',F,id); call('HINCRBY',KEYS[1]..'a',id,1); call('LPUSH',R..'5',id)
  mask=bit.bor(mask,32)
end
local nd=call('ZRANGE',D,0,0,'WITHSCORES')
if #nd>0 and tonumber(nd[2])<=now then
  local due=call('ZRANGE',D,'-inf',now,'BYSCORE','LIMIT',0,200)
  for i=1,#due do
    local c=string.find(due[i],':',1,true)
    local p=string.sub(due[i],1,c-1)
    call('RPUSH',R..p,string.sub(due[i],c+1))
    mask=bit.bor(mask,bit.lshift(1,tonumber(p)))
  end
  call('ZREM',D,unpack(due))
end
local out={lost,0}
if n>0 and meta[1]~='1' then
  local need=n
  for p=20,0,-1 do
    if bit.band(mask,bit.lshift(1,p))~=0 then
      local ids=call('LPOP',R..p,need)
      if ids then
        local records=call('HMGET',J,unpack(ids))
        local z,fv={},{}
        for i=1,#ids do
          if records[i] then
            z[#z+1]=now+ARGV[2]; z[#z+1]=ids[i]; fv[#fv+1]=ids[i]; fv[#fv+1]=ARGV[3]
            out[#out+1]=ids[i]; out[#out+1]=records[i]; need=need-1
          end
        end
        if #z>0 then call('ZADD',L,unpack(z)); call('HSET',F,unpack(fv)) end
        if #ids<need then mask=bit.band(mask,bit.bnot(bit.lshift(1,p))) end
        if need<=0 then break end
      else mask=bit.band(mask,bit.bnot(bit.lshift(1,p))) end
    end
  end
  if need==n then call('HSET',M,'idle','1'); out[2]=(#nd>0) and nd[2] or 0 end
end
if mask~=m0 then call('HSET',M,'mask',mask) end
return out`;
