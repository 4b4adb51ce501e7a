-- How a line of an invoice finds its inventory item. The rules are in 041_mappings.sql.

-- ---- keys ----

-- weir.text_key() of a description, with those marks that make another thing of it: they are kept as
-- characters that no text has (Unicode, "noncharacters"), while all others go.
CREATE OR REPLACE FUNCTION weir.item_key(description text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	marks CONSTANT text[] := ARRAY[
		-- of a number: 1.5 is neither 1/5 nor 15, nor is 1,5; a comma of thousands goes
		['(?<![[:alpha:]])[.](?=[0-9])', U&'\FDD0'],
		['(?<=[0-9]),(?=[0-9]{1,2}(?![0-9])|[0-9]{4})', U&'\FDD1'],
		-- before it: +/-5, -5, +5, <5, >5
		['([+]/-|\u00B1) ?(?=[0-9\uFDD0])', U&'\FDD2'],
		['(?<![^ (,;:/])[-\u2212](?=[0-9\uFDD0])', U&'\FDD3'],
		['(?<![^ (,;:/])[+](?=[0-9\uFDD0])', U&'\FDD4'],
		['[<\u2264] ?(?=[0-9\uFDD0])', U&'\FDD5'],
		['[>\u2265] ?(?=[0-9\uFDD0])', U&'\FDD6'],
		-- behind it: inches, feet, pounds
		['(?<=[0-9]) ?(["\u2033\u201D]|''''|\u2032\u2032|\u2019\u2019)(?![a-wyzA-WYZ])', U&'\FDD7'],
		['(?<=[0-9]) ?[''\u2032\u2019](?![a-wyzA-WYZ])', U&'\FDD8'],
		['(?<=[0-9])#(?![0-9])', U&'\FDD9'],
		-- behind a word, and behind a letter alone: grade A+, B-
		['(?<=[[:alnum:]])[+](?![[:alnum:]])', U&'\FDD4'],
		['(?<=\m[[:alpha:]])-(?![^ ),;:/])', U&'\FDD3']];
	mark text[];
	key text := description;
BEGIN
	IF key !~ ('[.,+][0-9]|[0-9[:alpha:]] ?[+"\u2033\u201D''\u2032\u2019#]'
	           '|(^|[^0-9[:alpha:]])[-\u2212\u00B1<>\u2264\u2265] ?[.]?[0-9]|\m[[:alpha:]]-') THEN
		RETURN weir.text_key(key);
	END IF;
	FOREACH mark SLICE 1 IN ARRAY marks LOOP
		key := regexp_replace(key, mark[1], mark[2], 'g');
	END LOOP;
	RETURN translate(weir.text_key(key), U&'\FDD0\FDD1\FDD2\FDD3\FDD4\FDD5\FDD6\FDD7\FDD8\FDD9',
	                 U&'.,\00B1-+<>"\0027#');
END $$;

-- What stands where an item number is wanted, and is none, without blanks and punctuation: for nothing,
-- not known, see elsewhere, the like of it; what kind of a line it is, or how it is sold; a department; a
-- check box; a spreadsheet's errors. Sources: the placeholders of point-of-sale and accounting programs,
-- order guides of distributors, Microsoft's list of Excel's errors.
CREATE OR REPLACE FUNCTION weir.is_no_number(word text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN word = ANY ('{
	na,nan,nil,nill,"null",none,nothing,empty,blank,void,undefined,unknown,unk,unkn,missing,nd,
	no,not,yes,true,false,ok,on,off,
	noitem,noitemnumber,noitemno,nonumber,nonum,nono,nocode,nosku,noid,noupc,noplu,nobarcode,nopart,
	nopartnumber,notfound,notavailable,notapplicable,notassigned,notlisted,notonfile,notinsystem,
	nonassigned,unassigned,unlisted,uncoded,nil1,inf,infinity,
	tba,tbc,tbd,tbe,pending,later,new,newitem,open,openitem,old,same,sameasabove,ditto,dito,idem,
	see,seenote,seenotes,seebelow,seeabove,seedesc,seedescription,seecomment,seecomments,seeattached,
	seelist,seeinvoice,asnoted,asagreed,asabove,asbelow,perquote,quote,quoted,call,callin,
	misc,miscellaneous,var,various,assorted,asst,assortment,other,others,general,generic,default,any,all,
	mixed,special,specialorder,spo,splord,spord,sporder,so,sub,subs,subbed,replacement,
	substitute,substitution,ns,nonstock,nonstockitem,nstk,nostock,instock,stock,stk,dropship,oos,
	outofstock,backorder,
	custom,manual,manualentry,handkey,handkeyed,keyed,writein,addon,extra,temp,temporary,test,dummy,
	sample,samples,promo,promotion,free,nocharge,gratis,bonus,donation,swap,exchange,
	cash,check,cheque,card,credit,debit,refund,return,returns,payment,paid,discount,rebate,allowance,
	coupon,adj,adjust,adjustment,freight,delivery,shipping,handling,fuel,surcharge,fee,fees,charge,
	charges,deposit,bottledeposit,kegdeposit,tax,vat,gst,hst,pst,service,labor,labour,rental,lease,
	comment,comments,note,notes,memo,text,message,header,total,subtotal,
	item,items,itemnumber,itemno,product,products,article,sku,upc,ean,gtin,plu,code,ref,reference,
	number,num,part,partno,partnumber,description,desc,name,value,error,err,div0,spill,calc,getting,
	produce,meat,meats,poultry,seafood,fish,dairy,deli,bakery,bread,grocery,groceries,dry,drygoods,
	frozen,cooler,freezer,beverage,beverages,beer,wine,liquor,food,foods,paper,supplies,chemical,
	chemicals,janitorial,equipment,smallwares,disposables,floral,retail,
	catchweight,randomweight,weight,weighed,mkt,market,marketprice,bulk,loose,
	ea,each,cs,case,cases,lb,lbs,oz,gal,ct,pk,pack,bx,box,pc,pcs,dz,doz,unit,units,
	ohne,keine,kein,divers,diverse,diverses,verschiedenes,sonstiges,unbekannt,entfallt,
	sans,aucun,aucune,inconnu,neant,sin,sincodigo,ninguno,ninguna,varios,desconocido,senza,nessuno,
	geen,nvt,onbekend,ingen,sem,semcodigo,nenhum
	}'::text[]);

-- An item number as its vendor gave it, or '' for what stands there because something has to:
--   one of those words, "see" followed by anything, one letter x, or one character repeated (two letters
--   or more, four digits or more; zeros and punctuation always);
--   what a spreadsheet makes of numbers too long for it (1.00734E+13, 1E13): in its exponent are two
--   digits, since it writes out what has less, or there is a point or a plus;
--   the digits in their order, as long as nobody counts so far by chance (12345678, 1234567890).
-- Most hold another digit than 0, and no blank: these are looked at no closer than that.
CREATE OR REPLACE FUNCTION weir.item_number(n text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
	WHEN n ~ '[1-9]' THEN CASE
		WHEN n ~* ('^[^0-9a-z]*([0-9]+([.,][0-9]+e[+-]?|e[+])[0-9]+|[1-9]e[1-9][0-9]'
		           '|0?12345678(90?)?)[^0-9a-z]*$|^[^0-9a-z]*see\s')
		  OR n ~ '^[^0-9A-Za-z]*([1-9])(\1[^0-9A-Za-z]*){3,}$' THEN '' ELSE n END
	WHEN n ~ '^[0\s!-/:-@[-`{-~\u2010-\u2015\u2212\u3003\uFF00-\uFF0F]*$'
	  OR n ~* '^[^0-9a-z]*(x|([a-z])([^0-9a-z]*\2)+|see\s.*)[^0-9a-z]*$'
	  OR weir.is_no_number(replace(regexp_replace(normalize(weir.text_key(n), NFKD),
	                               '[\u0300-\u036F]', '', 'g'), ' ', '')) THEN ''
	ELSE n END;

-- ---- words ----

-- Words that the comparison has to know, in the form that weir.words() gives them:
--   silent    say nothing;
--   measures  are measured against each other, and so are colors: what stands first is first;
--   before    stand for what comes behind them (without egg), behind for what is before (tail off);
--   turning   make another thing of what the others say, as words of un-, non-, -less and -free do;
--   turned    pairs that are two things in the two orders;
--   describing  say of a thing what it is like, made of, or which one of its sort, and are never the
--             thing beside another name; so do those of the lists above, and participles (sliced);
--   units     go with a number;
--   spelled   are right as they are, so that two of them are two words, however near: those of
--             invoices that have another one near them, as sliced has spiced.
CREATE OR REPLACE FUNCTION weir.word_list(name text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE name
	WHEN 'silent' THEN '{and,the,of}'::text[]
	WHEN 'measures' THEN '{xxs,xs,s,m,l,xl,xxl,xxxl,x,xx,mini,small,medium,large,jumbo,giant,colossal,
	super,extra,regular,petite,tall,short,long,wide,thin,thick,half,full,double,single,triple,
	a,aa,aaa,b,c,d,e,f,g,h,i,j,k,n,o,p,q,r,t,u,v,y,z,first,second,third}'
	WHEN 'colors' THEN '{black,blue,brown,clear,gold,golden,gray,green,orange,pink,purple,red,silver,
	white,yellow,dark,light,sweet,sour,hot,mild,spici,cold,raw,cooked,fresh,frozen,dri,dried}'
	WHEN 'before' THEN '{with,without,no,non,not,low,less,reduced,high,zero,x,xx,extra,super,half,
	double,imitation,mock,artificial,for,from,semi,ultra,un,in,-,+,<,>,±}'
	WHEN 'behind' THEN '{free,on,off,out,added,only,removed,flavored,flavor,style,type,substitute}'
	WHEN 'turning' THEN '{free,less,no,non,not,with,without,off,out,low,reduced,high,zero,x,xx,xxx,extra,
	imitation,substitute,alternative,artificial,mock,faux,vegan,replacer,un,half,double,mini,for,
	xxs,xs,s,m,l,xl,xxl,xxxl,small,medium,large,jumbo,giant,colossal,petite,a,aa,aaa,
	organic,decaf,diet,light,regular,sweet,sf,gf,salted,sweetened,raw,cooked,fresh,frozen,
	dri,dried,smoked,whole,skim,boneless,skinless,seedless,pitted,peeled,kosher,halal,empti,
	return,-,+,<,>,±}'
	WHEN 'describing' THEN '{organic,natural,kosher,halal,vegan,vegetarian,virgin,whole,ground,fine,
	coarse,chunki,creami,smooth,crispi,crunchi,crisp,lean,heavi,plain,sharp,savori,tangi,juici,ripe,young,
	mature,premium,fanci,choice,select,prime,deluxe,gourmet,classic,traditional,original,homestyle,
	pure,real,genuine,authentic,domestic,local,instant,quick,ready,bulk,loose,liquid,granular,iqf,
	lowfat,diet,decaf,sparkling,still,alcoholic,germicidal,antibacterial,disposable,reusable,
	recyclable,compostable,biodegradable,washable,industrial,commercial,professional,flexible,rigid,
	soft,hard,round,square,rectangular,oval,flat,straight,curli,nitrile,vinyl,latex,plastic,paper,foam,
	steel,aluminum,wooden,cotton,all,purpose,grain,oven,whipping,baking,cooking,skim,italian,french,greek,
	thai,swiss,american,mexican,spanish,german,danish,irish,english,indian,asian,atlantic,pacific,idaho,
	cheddar,mozzarella,parmesan,provolone,feta,romano,gouda,brie,ricotta,romaine,iceberg,jasmine,basmati,
	arborio,russet,roma,portobello,cremini,shiitake,granni,smith,fuji,gala,hass,jalapeno,habanero,
	duti}'
	WHEN 'units' THEN '{pound,ounce,inch,foot,count,gallon,each,quart,dozen,liter,g,kg,ml,cl,mm,cm,oz,pli}'
	WHEN 'turned' THEN '{chocolate milk,cheese pizza,butter cooki,butter cream,ice water,egg white,
	egg yolk,fish oil,milk rice,cake pan,pan sauce,pot roast,cup cake}'
	WHEN 'spelled' THEN '{
	adapter,adopter,angel,angle,baked,baker,band,banded,basket,batter,battered,beaded,
	bean,beard,beef,beet,bell,belli,belt,better,bind,bitter,bitters,black,blade,blank,
	bleach,bleached,blended,blender,block,board,boiled,bolt,bond,boned,boneless,bottle,
	bottled,branded,bread,breaded,brine,brined,broiled,broiler,brown,browni,brush,bulb,
	butler,butter,buttered,cake,cane,cape,caper,card,carton,cartoon,case,cask,chain,
	chair,chard,charge,charger,cherri,chile,chili,chive,chloride,chlorine,chuck,chunk,
	chunki,clam,clamp,clap,clean,cleaner,cleanser,clear,clip,cloth,clothe,clove,coffee,
	collar,collard,concentrate,concentrated,cord,corn,couple,coupler,crab,cracked,
	cracker,crate,crated,cream,creamed,creamer,creami,creased,crepe,crisp,crispi,
	crumbed,crumble,crumbled,crushed,crusted,cube,cubed,curd,cured,curli,curri,custard,
	degreaser,dental,desert,dessert,detergent,deterrent,dill,dried,drill,drink,drip,
	drunk,dusted,duster,fennel,filing,filled,filler,fillet,filling,filter,flake,flaked,
	flannel,floor,flour,fried,frisee,funnel,fuse,garlic,garnet,garnish,gasket,gelatin,
	gelato,gin,ginger,glass,glazed,glove,grade,grape,grass,grate,grated,grazed,greased,
	greek,green,ground,guava,hake,halibut,hanger,hashed,hatch,hinge,hitch,hose,house,
	hunger,iodized,ionized,java,jerk,jerki,juice,juicer,kennel,kernel,lactase,lactose,
	lager,lamp,lard,latch,latex,latte,latter,layer,leak,leek,lemon,lentil,letter,
	lettuce,lever,lima,lime,line,lined,linen,liner,liqueur,liquid,liquor,liver,lord,
	lump,malted,maple,marble,marbled,marina,marinade,marinara,mashed,matcha,meal,melon,
	melted,metal,mild,milk,mince,minced,mink,mint,minted,mixed,mixer,mocha,mold,
	molded,muscle,mussel,mustard,muzzle,nacho,nectar,nectarine,nitrate,nitrile,nitrite,
	nozzle,nut,nylon,oat,oil,olive,onion,orange,oregano,organic,packet,pad,paint,pan,
	pancake,paper,park,part,parti,pasta,paste,patti,pea,peach,peal,pear,pearl,pecan,
	peel,peeled,peeler,penne,pepper,peppercorn,peppermint,perch,pesto,picked,pickle,
	pickled,pine,pineapple,pink,pinot,pint,pinto,pitted,pizza,plain,plantain,plastic,
	plate,plated,plater,platter,player,pliers,plugs,plum,plump,pocket,polenta,pollen,
	pollock,popcorn,popper,pork,port,potted,prawn,preserve,preserved,prime,primer,
	printed,printer,prune,pulled,pulley,pulped,pump,pure,puree,quick,raisin,raising,
	ravioli,raw,ribbed,rice,riced,ricotta,ride,risotto,river,rivet,roasted,roaster,
	rolled,roller,romaine,romano,roof,rooster,root,roster,round,rubbed,rubber,russet,
	rusted,rye,saffron,sage,salad,salami,sale,salmon,salsa,salted,satin,sauce,sausage,
	saute,savory,scallion,scallop,scone,scoop,scope,scraper,scrapper,sealed,sealer,
	seared,seeded,seedless,semolina,sesame,shaker,shallot,shank,shaped,shared,shark,
	sharp,shaved,shaver,sheet,shelf,shell,sherri,shingle,shirt,short,shot,shrimp,silk,
	silver,single,sirloin,skim,skin,skinless,slab,slat,slated,slatted,slaw,slice,
	sliced,slicer,slide,slider,sliver,smoke,smoked,smoki,snack,snapper,solder,soldier,
	sole,solid,sourdough,soy,spade,spate,spice,spiced,spici,spinach,sponge,spool,spoon,
	spork,sport,spout,spring,sprout,squash,squid,stack,stain,stained,stalk,starch,
	stark,steak,steam,steamed,steamer,stem,stemmed,stew,stick,sticki,stock,stoke,stone,
	stoop,strain,strained,strainer,string,strip,striped,stripped,strong,strudel,stuck,
	sugar,sulfate,sulfide,sulfite,swatch,sweat,sweet,sweetened,sweetener,switch,syrup,
	table,tablet,taco,tail,tamale,tangelo,tangerine,taping,tapioca,tapping,tarp,tart,
	tender,teriyaki,thread,thyme,tiger,tilapia,timer,toast,toasted,toaster,toffee,tofu,
	tomatillo,tomato,tortilla,towel,trail,tread,tripe,triple,trout,trowel,truffle,tuna,
	tune,turbo,turbot,turnip,turnover,unbleached,value,valve,vanilla,vanillin,veal,
	vegan,vegetarian,venison,vinaigrette,vinegar,wafer,waffle,warm,wasabi,washed,washer,
	water,wheat,whey,whisk,whiski,white,whole,wholesale,wine,wipe,wiper,wire,wood,
	wool,worm,wrapped,wrapper,wrench,yeast,yellow,yogurt,zest
	}'
	END;

-- Ways to write one word, each of which has no other meaning on invoices of food and supplies: those
-- of distributors' glossaries (Flanagan Foodservice, "What do all these acronyms mean?"), units, and
-- British spelling. What may be two words is not here: wht (white, wheat), brd (bread, breaded), blk.
CREATE OR REPLACE FUNCTION weir.word_written(w text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce('{
	"\"": "inch", "''": "foot", "#": "pound", "w": "with", "wo": "without", "wout": "without",
	"lg": "large", "lrg": "large", "sm": "small", "sml": "small", "jmb": "jumbo", "jmbo": "jumbo",
	"chkn": "chicken", "chckn": "chicken", "chix": "chicken", "trky": "turkey", "prk": "pork",
	"shrmp": "shrimp", "slmn": "salmon", "saus": "sausage", "bcn": "bacon",
	"brst": "breast", "tndr": "tender", "tndrln": "tenderloin", "thgh": "thigh",
	"bnls": "boneless", "bnlss": "boneless", "sknls": "skinless", "sknlss": "skinless",
	"grnd": "ground", "frz": "frozen", "frzn": "frozen", "fz": "frozen", "fzn": "frozen",
	"frsh": "fresh", "ckd": "cooked", "smkd": "smoked", "bttd": "battered",
	"slcd": "sliced", "dcd": "diced", "shrd": "shredded", "shrdd": "shredded", "shred": "shredded",
	"pld": "peeled", "dvnd": "deveined", "mncd": "minced", "chpd": "chopped", "grtd": "grated",
	"rstd": "roasted", "grld": "grilled", "sltd": "salted", "unsltd": "unsalted",
	"orgnc": "organic",
	"chs": "cheese", "chse": "cheese", "ched": "cheddar", "chdr": "cheddar", "mozz": "mozzarella",
	"parm": "parmesan", "choc": "chocolate", "crm": "cream",
	"sce": "sauce", "drsg": "dressing", "drssng": "dressing", "mayo": "mayonnaise",
	"catsup": "ketchup", "vngr": "vinegar", "swt": "sweet", "hvy": "heavy", "ylw": "yellow",
	"pwdr": "powder", "lettc": "lettuce", "mshrm": "mushroom",
	"lb": "pound", "lbs": "pound", "oz": "ounce", "gal": "gallon", "ct": "count", "cnt": "count",
	"ea": "each", "ft": "foot", "feet": "foot", "qt": "quart", "doz": "dozen",
	"dz": "dozen", "btl": "bottle", "pkg": "package",
	"ltr": "liter", "litre": "liter", "gram": "g", "grams": "g", "kilo": "kg",
	"leaves": "leaf", "halves": "half", "loaves": "loaf", "knives": "knife", "shelves": "shelf",
	"colour": "color", "coloured": "colored", "flavour": "flavor", "flavoured": "flavored",
	"grey": "gray", "aluminium": "aluminum", "yoghurt": "yogurt", "yogourt": "yogurt",
	"fibre": "fiber", "doughnut": "donut", "omelette": "omelet", "chilli": "chili",
	"homogenised": "homogenized", "pasteurised": "pasteurized", "unpasteurised": "unpasteurized",
	"sanitiser": "sanitizer", "caramelised": "caramelized", "crystallised": "crystallized",
	"fertiliser": "fertilizer", "moulded": "molded", "mould": "mold", "lite": "light"
	}'::jsonb ->> w, w);

-- One form for a word in the singular and the plural; also where that is no word (cooki, cherri).
CREATE OR REPLACE FUNCTION weir.singular(w text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN w ~ '^[a-z]{3,}$' THEN
       regexp_replace(regexp_replace(regexp_replace(w, '^(.{2,}[^sui])s$', '\1'),
                                     '^(.+(?:sh|ch|ss|.[oxzi]))e$', '\1'), '^(.+[^aeiou])y$', '\1i')
       ELSE w END;

-- The words of a key, in their order. Digits are words of their own (10oz is 10 oz), and so are marks, but
-- for the plus of A+. Those that say nothing are left out.
CREATE OR REPLACE FUNCTION weir.words(key text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT coalesce(array_agg(CASE WHEN w[1] ~ '^[0-9]*[.,][0-9]+$'
                          THEN trim_scale(replace(w[1], ',', '.')::numeric)::text
                          ELSE weir.singular(weir.word_written(w[1])) END ORDER BY n), '{}')
  FROM regexp_matches(replace(' ' || key || ' ', ' w o ', ' without '),
                      '[0-9.,]+|[-\u00B1<>"''#]|[^-\u00B1<>"''#0-9., ]+', 'g')
       WITH ORDINALITY AS x(w, n) WHERE w[1] <> ALL (weir.word_list('silent'))
$$;

-- Where one letter less or other, or two that have changed places, make the one of the other, which
-- is not shorter: from 0. NULL: it takes more.
CREATE OR REPLACE FUNCTION weir.slip(short text, long text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	n integer := 0;
BEGIN
	WHILE n < length(short) AND substr(short, n + 1, 1) = substr(long, n + 1, 1) LOOP
		n := n + 1;
	END LOOP;
	RETURN CASE WHEN length(long) > length(short) THEN
	            CASE WHEN substr(long, n + 2) = substr(short, n + 1) THEN n END
	       WHEN substr(short, n + 2) = substr(long, n + 2)
	            OR substr(short, n + 3) = substr(long, n + 3)
	            AND substr(short, n + 1, 2) = reverse(substr(long, n + 1, 2)) THEN n END;
END $$;

-- Whether two words that differ are one: 2 surely, where a long one has a letter doubled
-- (mozzarela); 1 maybe, by another slip in a word of five letters and more, or as what is left of it
-- without vowels (chckn) or without its end (unblea); 0 no.
CREATE OR REPLACE FUNCTION weir.twins(a text, b text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	short text := CASE WHEN length(a) <= length(b) THEN a ELSE b END;
	long text := CASE WHEN length(a) <= length(b) THEN b ELSE a END;
	rest text := substr(long, length(short) + 1);
	place integer;
BEGIN
	IF a !~ '^[a-z]{3,}$' OR b !~ '^[a-z]{3,}$' OR left(a, 1) <> left(b, 1)
	   OR (a = ANY (weir.word_list('spelled')) AND b = ANY (weir.word_list('spelled'))) THEN
		RETURN 0;
	END IF;
	place := weir.slip(short, long);
	IF length(long) > length(short) AND length(long) >= 7
	   AND substr(long, place + 1, 1) = substr(long, place, 1) THEN
		RETURN 2;
	END IF;
	RETURN (place IS NOT NULL AND length(long) >= 5
	        OR short ~ '^.[^aeiou]+$' AND rest <> ''
	           AND long LIKE regexp_replace(short, '(.)', '\1%', 'g')
	        OR starts_with(long, short) AND rest !~ '^(.|ed|er|en|ing|less|free|off|out)$'
	           AND short <> ALL (weir.word_list('spelled')))::integer;
END $$;

-- Those of some words that are of a sort, in their order.
CREATE OR REPLACE FUNCTION weir.words_of(words text[], sort text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT ARRAY(SELECT w FROM unnest(words) WITH ORDINALITY AS x(w, n) WHERE w = ANY (sort) ORDER BY n)
$$;

-- Whether the words that two descriptions have in common say the same in either order. Catalogues
-- turn words ("Butter, peanut"), but there are words that stand for what is next to them (skin on,
-- bone off), some that are measured against each other (a red lid, a blue cup; 80/20), and pairs that
-- are two things (chocolate milk, milk chocolate).
CREATE OR REPLACE FUNCTION weir.is_same_order(a text[], b text[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	measures text[] := weir.word_list('measures');
	colors text[] := weir.word_list('colors');
	before text[] := weir.word_list('before');
	behind text[] := weir.word_list('behind');
	turned text[] := weir.word_list('turned');
	numbers text[] := ARRAY(SELECT w FROM unnest(a) AS w WHERE w ~ '[0-9]');
BEGIN
	RETURN weir.words_of(weir.words_of(a, measures), b) = weir.words_of(weir.words_of(b, measures), a)
	   AND weir.words_of(weir.words_of(a, colors), b) = weir.words_of(weir.words_of(b, colors), a)
	   AND weir.words_of(weir.words_of(a, numbers), b) = weir.words_of(weir.words_of(b, numbers), a)
	   AND NOT EXISTS (
	       SELECT FROM generate_subscripts(a, 1) AS i
	        WHERE (a[i] = ANY (before) OR a[i] = ANY (behind)) AND a[i] = ANY (b)
	          AND NOT EXISTS (SELECT FROM generate_subscripts(b, 1) AS j WHERE b[j] = a[i]
	              AND (a[i] <> ALL (before) OR b[j + 1] IS NOT DISTINCT FROM a[i + 1])
	              AND (a[i] <> ALL (behind) OR b[j - 1] IS NOT DISTINCT FROM a[i - 1])))
	   AND NOT EXISTS (
	       SELECT FROM generate_subscripts(a, 1) AS i, generate_subscripts(b, 1) AS j
	        WHERE a[i] = b[j + 1] AND a[i + 1] = b[j]
	          AND (a[i] || ' ' || a[i + 1] = ANY (turned) OR b[j] || ' ' || b[j + 1] = ANY (turned)));
END $$;

-- Whether one of these words, where only one of two descriptions has it, makes another thing of it.
CREATE OR REPLACE FUNCTION weir.turns(words text[]) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN words && weir.word_list('turning')
    OR EXISTS (SELECT FROM unnest(words) AS w WHERE w ~ '^(un|non)[a-z]{3}|[a-z]{3}(less|free)$');

-- Whether the one goes on where the other has been cut off: before words that do not turn what it says,
-- or in the middle of a word (of which "a" of "aa" is none).
CREATE OR REPLACE FUNCTION weir.goes_on(short text, long text, turned boolean) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN length(short) >= 10 AND starts_with(long, short)
   AND (NOT turned OR substr(long, length(short) + 1, 1) <> ' '
        AND regexp_replace(short, '^.* ', '') <> ALL (weir.word_list('turning')));

-- Which of some words describe a thing, and do not name it: with what stands between them and "with" or
-- "free", which say something together.
CREATE OR REPLACE FUNCTION weir.are_describing(words text[]) RETURNS boolean[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT ARRAY(SELECT w ~ '[0-9]' OR w !~ '[[:alpha:]]' OR w ~ '^(un|non)[a-z]{3}|(..[^e]ed|less|free)$'
                    OR w = ANY (weir.word_list('measures') || weir.word_list('colors')
                                || weir.word_list('before') || weir.word_list('behind')
                                || weir.word_list('describing') || weir.word_list('units'))
                    OR coalesce(lag(w) OVER o = ANY (weir.word_list('before')), false)
                    OR coalesce(lead(w) OVER o = ANY (weir.word_list('behind')), false)
               FROM unnest(words) WITH ORDINALITY AS x(w, n) WINDOW o AS (ORDER BY n) ORDER BY n)
$$;

-- The words that name the thing; whether words that describe stand between them: then it may be two.
CREATE OR REPLACE FUNCTION weir.names_of(words text[], describing boolean[], OUT names text[], OUT apart boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT array_agg(w ORDER BY n), max(n) - min(n) >= count(*)
  FROM unnest(words, describing) WITH ORDINALITY AS x(w, d, n) WHERE NOT d
$$;

-- What it means that words stand in another order: 2 nothing; 1 maybe another thing; 0 surely one.
CREATE OR REPLACE FUNCTION weir.compare_order(a text[], b text[]) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	a_is boolean[] := weir.are_describing(a);
	b_is boolean[] := weir.are_describing(b);
	a_common text[] := weir.words_of(a, b);
	b_common text[] := weir.words_of(b, a);
	a_names record;
	b_names record;
BEGIN
	IF NOT weir.is_same_order(a, b) THEN
		RETURN 0;
	END IF;
	a_names := weir.names_of(a, a_is);
	b_names := weir.names_of(b, b_is);
	IF a_common = b_common OR (a_names.names IS NOT DISTINCT FROM b_names.names
	   AND coalesce(a_names.apart OR b_names.apart, false) = false) THEN
		RETURN 2;
	END IF;
	-- Two that describe have changed places around a name, and stand before other words now: hot beef,
	-- mild sauce.
	RETURN CASE WHEN EXISTS (
		SELECT FROM generate_subscripts(a, 1) AS i, generate_subscripts(a, 1) AS j,
		       LATERAL (SELECT array_position(b, a[i]) AS k, array_position(b, a[j]) AS l) AS p
		 WHERE i < j AND p.l < p.k AND a_is[i] AND a_is[j]
		   AND a[i + 1] IS DISTINCT FROM b[p.k + 1] AND a[j + 1] IS DISTINCT FROM b[p.l + 1]
		   AND a[i] !~ '[0-9]' AND a[j] !~ '[0-9]' AND a[i] <> ALL (weir.word_list('units'))
		   AND a[j] <> ALL (weir.word_list('units'))
		   AND false = ANY (a_is[i:j]) AND false = ANY (b_is[p.l:p.k])) THEN 0 ELSE 1 END;
END $$;

-- The words of a description that are no numbers.
CREATE OR REPLACE FUNCTION weir.plain_words(description text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT ARRAY(SELECT w FROM unnest(weir.words(weir.item_key(description))) WITH ORDINALITY AS x(w, n)
              WHERE w !~ '[0-9]' ORDER BY n)
$$;

-- Whether the one is cut by commas, brackets and the like into parts that are whole in the other:
-- "Beans, green", "Bacon (applewood smoked), sliced"; numbers do not count. But not where all that is
-- other is that two words have changed places: "Cake, vanilla, icing, chocolate".
CREATE OR REPLACE FUNCTION weir.is_turned_at_marks(a text, b text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT count(p.words) > 1
   AND bool_and(strpos(' ' || array_to_string(weir.plain_words(b), ' ') || ' ', p.words) > 0)
   AND (SELECT count(*) <> 2 OR max(n) - min(n) = 1
          FROM unnest(weir.plain_words(a), weir.plain_words(b)) WITH ORDINALITY AS x(u, v, n)
         WHERE u IS DISTINCT FROM v)
  FROM regexp_split_to_table(a, '[;:()]|,(?![0-9])|(?<![0-9])/|/(?![0-9])|\s[-\u2013\u2014]\s') AS part
 CROSS JOIN LATERAL (SELECT ' ' || array_to_string(weir.plain_words(part), ' ') || ' ' AS words) AS p
 WHERE p.words <> '  '
$$;

-- How two keys compare, word by word: 3 each word of one has its twin in the other; 2 so they have if
-- what may be an abbreviation or a slip is one; 1 one of them only has more words, none of which
-- turns what the others say; 0 they are two things. unlike: what has no twin, of one | of the other; moved:
-- that it may be another thing in this order (of which the verdict knows nothing).
CREATE OR REPLACE FUNCTION weir.compare_keys(a_key text, b_key text, OUT verdict integer, OUT unlike text,
                                  OUT moved boolean)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	a text[] := weir.words(a_key);
	b text[] := weir.words(b_key);
	a_left text[] := '{}';
	b_left text[] := b;
	w text;
	place integer;
BEGIN
	FOREACH w IN ARRAY a LOOP
		place := array_position(b_left, w);
		IF place IS NULL THEN
			a_left := a_left || w;
		ELSE
			b_left := b_left[:place - 1] || b_left[place + 1:];
		END IF;
	END LOOP;
	verdict := 3;
	IF array_to_string(a_left, '') = array_to_string(b_left, '')
	   AND array_to_string(a_left || b_left, ' ') !~ '[0-9]|(^| ).( |$)' THEN
		a_left := '{}'; -- written as one word, or as two
		b_left := '{}';
	END IF;
	FOREACH w IN ARRAY a_left LOOP
		SELECT n, weir.twins(w, b_left[n]) AS sure INTO place
		  FROM generate_subscripts(b_left, 1) AS n WHERE weir.twins(w, b_left[n]) > 0
		 ORDER BY weir.twins(w, b_left[n]) DESC, n LIMIT 1;
		CONTINUE WHEN place IS NULL;
		verdict := least(verdict, 1 + weir.twins(w, b_left[place]));
		b_left := b_left[:place - 1] || b_left[place + 1:];
		place := array_position(a_left, w);
		a_left := a_left[:place - 1] || a_left[place + 1:];
	END LOOP;
	IF a_left || b_left <> '{}' THEN
		unlike := concat_ws(' | ', nullif(array_to_string(a_left, ' '), ''),
		                    nullif(array_to_string(b_left, ' '), ''));
		place := least(cardinality(a), cardinality(b));
		verdict := CASE
			WHEN (a_left = '{}' OR b_left = '{}')
			     AND NOT weir.turns(a_left || b_left)
			     AND (place > 1 OR greatest(cardinality(a), cardinality(b)) <= 2) THEN 1
			WHEN weir.goes_on(a_key, b_key, weir.turns(a_left || b_left))
			  OR weir.goes_on(b_key, a_key, weir.turns(a_left || b_left)) THEN 1
			ELSE 0 END;
	END IF;
	place := CASE WHEN verdict > 0 THEN weir.compare_order(a, b) END;
	moved := place = 1;
	IF place = 0 THEN
		verdict := 0;
		unlike := 'the order of the words';
	END IF;
END $$;

-- ---- finding ----

-- What is known of lines: those without a mapping_id are still to be mapped. That a description is
-- the same as before is seen first: nothing is compared then.
CREATE OR REPLACE FUNCTION weir.find_items(lines weir.invoice_line[]) RETURNS weir.line_match[]
LANGUAGE plpgsql AS $$
DECLARE
	matches weir.line_match[];
BEGIN
	SELECT array_agg(ROW(v.vendor_id, coalesce(e.mapping_id, n.mapping_id, d.mapping_id),
	                     coalesce(e.item_id, n.item_id, d.item_id), 'exact',
	                     coalesce(e.needs_review, n.needs_review, d.needs_review),
	                     NULL)::weir.line_match
	                 ORDER BY l.ordinality)
	  INTO matches
	  FROM unnest(lines) WITH ORDINALITY AS l
	  LEFT JOIN LATERAL (SELECT w.vendor_id FROM weir.vendors w
	        WHERE w.user_id = l.user_id AND w.vendor_key = l.vendor_key LIMIT 1) v ON true
	  LEFT JOIN LATERAL (SELECT m.mapping_id, m.item_id, m.needs_review
	         FROM weir.vendor_item_mappings m
	        WHERE m.vendor_id = v.vendor_id AND m.item_number = l.item_number
	          AND m.base_unit = l.base_unit AND m.item_number <> ''
	          AND m.description = l.description LIMIT 1) e ON true -- of one key there is one
	  -- Most lines are known by then. What their numbers are need not be asked.
	  LEFT JOIN LATERAL (SELECT weir.item_number(l.item_number) AS item_number
	        WHERE e.mapping_id IS NULL OFFSET 0) g ON true
	  -- The same number, other words. One on the lines of more than twenty things is none of a thing.
	  LEFT JOIN LATERAL (SELECT m.mapping_id, m.item_id, m.needs_review
	         FROM (SELECT weir.item_key(l.description) AS key WHERE g.item_number <> '' OFFSET 0) q
	        CROSS JOIN LATERAL (SELECT k.* FROM weir.vendor_item_mappings k
	                WHERE k.vendor_id = v.vendor_id AND k.item_number = g.item_number
	                  AND k.base_unit = l.base_unit AND k.item_number <> ''
	                ORDER BY k.item_key <> q.key, k.mapping_id LIMIT 20) m
	        WHERE m.item_key = q.key OR (weir.compare_keys(m.item_key, q.key)).verdict > 0
	        ORDER BY m.item_key <> q.key, m.mapping_id LIMIT 1) n ON true
	  LEFT JOIN LATERAL (SELECT m.mapping_id, m.item_id, m.needs_review
	         FROM weir.vendor_item_mappings m
	        WHERE g.item_number = '' AND m.vendor_id = v.vendor_id
	          AND m.item_key = weir.item_key(l.description) AND m.base_unit = l.base_unit
	        ORDER BY m.mapping_id LIMIT 1) d ON true;
	RETURN matches;
END $$;

-- Loads the extension: its settings are refused to who has not.
DO $$ BEGIN PERFORM @pg_trgm@.similarity('', ''); END $$;

-- The most similar items of a user, the best first. Its index is of the kind that only bitmap scans
-- can use, which the plans of a consumer's session else do without.
CREATE OR REPLACE FUNCTION weir.similar_items(of_user text, unit text, key text, threshold real)
RETURNS TABLE (item_id bigint, description text, item_key text, similarity real)
LANGUAGE plpgsql SET enable_bitmapscan = on SET enable_indexscan = off SET enable_sort = on
SET pg_trgm.similarity_threshold = 1 AS $$
BEGIN
	-- The operator compares with a double, which a real of the same digits may be just below.
	PERFORM set_config('pg_trgm.similarity_threshold', (threshold - 0.00001)::text, true);
	RETURN QUERY
	SELECT i.item_id, i.description, i.item_key::text, @pg_trgm@.similarity(i.item_key, key) AS s
	  FROM weir.inventory_items i
	 WHERE i.base_unit || ' ' || i.user_id = unit || ' ' || of_user AND i.item_key OPERATOR(@pg_trgm@.%) key
	   AND @pg_trgm@.similarity(i.item_key, key) >= threshold
	 ORDER BY s DESC, i.item_id LIMIT 20;
END $$;

-- Whether the vendor has given the item another number than this one.
CREATE OR REPLACE FUNCTION weir.has_other_number(vendor bigint, item bigint, number text) RETURNS boolean
LANGUAGE sql STABLE AS $$
SELECT number <> '' AND EXISTS (SELECT FROM weir.vendor_item_mappings m
        WHERE m.item_id = item AND m.vendor_id = vendor AND m.item_number <> number
          AND weir.item_number(m.item_number) <> '') -- a ledger of before may hold such
$$;

-- What a line may be, of the items that are similar to it: the item, how it was found and why that is
-- in doubt, and the candidates, of which there are always some when there is doubt.
CREATE OR REPLACE FUNCTION weir.find_similar(l weir.invoice_line, key text, vendor bigint, number text,
                                  OUT item_id bigint, OUT match text, OUT similarity real,
                                  OUT reason text, OUT candidates json)
LANGUAGE plpgsql AS $$
DECLARE
	s record;
	moved boolean;
	sure integer := 0;
	found json[] := '{}';
BEGIN
	FOR s IN SELECT c.*, w.*, weir.has_other_number(vendor, c.item_id, number) AS is_other
	           FROM weir.similar_items(l.user_id, l.base_unit, key, l.fuzzy_review) AS c
	          CROSS JOIN LATERAL weir.compare_keys(c.item_key, key) AS w
	LOOP
		found := found || json_build_object('item_id', s.item_id, 'description', s.description,
		                                    'similarity', s.similarity);
		IF s.is_other OR s.verdict < 2 THEN
			reason := coalesce(reason, CASE
				WHEN s.is_other THEN 'the vendor has another number for this'
				ELSE 'other words: ' || s.unlike END);
			CONTINUE;
		END IF;
		moved := s.moved AND NOT weir.is_turned_at_marks(s.description, l.description)
		         AND NOT weir.is_turned_at_marks(l.description, s.description);
		IF s.verdict = 3 AND s.similarity >= l.fuzzy_auto AND NOT moved THEN
			sure := sure + 1;
		ELSIF item_id IS NOT NULL THEN
			CONTINUE;
		END IF;
		CONTINUE WHEN sure > 1 OR (sure = 0 AND item_id IS NOT NULL);
		item_id := s.item_id;
		similarity := s.similarity;
		reason := CASE WHEN moved THEN 'the same words in another order'
		          ELSE 'nearly the same words' END;
	END LOOP;
	match := CASE WHEN sure = 1 THEN 'fuzzy_auto' WHEN item_id IS NOT NULL THEN 'fuzzy_review'
	         ELSE 'new' END;
	IF sure > 0 THEN
		reason := CASE WHEN sure > 1 THEN 'several items are called so' END;
	END IF;
	candidates := CASE WHEN reason IS NOT NULL THEN array_to_json(found[:5]) END;
END $$;

-- Maps a line that find_items() does not know by an item of the same or a similar description, or a
-- new one, and keeps that as the vendor's mapping.
CREATE OR REPLACE FUNCTION weir.map_line(l weir.invoice_line, vendor bigint) RETURNS weir.line_match
LANGUAGE plpgsql AS $$
DECLARE
	key text := weir.item_key(l.description);
	number text := weir.item_number(l.item_number);
	m weir.vendor_item_mappings;
	other record;
BEGIN
	SELECT * INTO m FROM weir.vendor_item_mappings k
	 WHERE k.vendor_id = vendor AND k.item_key = key AND k.base_unit = l.base_unit
	 ORDER BY k.mapping_id LIMIT 1;
	m.match := 'exact'; -- and in doubt as long as the mapping that it follows
	IF m.needs_review IS DISTINCT FROM true THEN
		m.reason := NULL;
		m.candidates := NULL;
	END IF;
	IF m.item_id IS NULL THEN
		SELECT i.item_id INTO m.item_id FROM weir.inventory_items i
		 WHERE i.user_id = l.user_id AND i.base_unit = l.base_unit AND i.item_key = key;
	END IF;
	IF m.item_id IS NULL THEN
		SELECT f.item_id, f.match, f.similarity, f.reason, f.candidates
		  INTO m.item_id, m.match, m.similarity, m.reason, m.candidates
		  FROM weir.find_similar(l, key, vendor, number) AS f;
	ELSIF m.reason IS NULL AND weir.has_other_number(vendor, m.item_id, number) THEN
		m.reason := 'the vendor has another number for this';
	END IF;
	-- The number is known, or the line would not be here, for another thing. (Not in the order of
	-- ids: a planner that shuns sorting would read all of them.)
	SELECT k.item_id, k.description INTO other
	  FROM (SELECT * FROM weir.vendor_item_mappings x
	         WHERE x.vendor_id = vendor AND x.item_number = number AND x.base_unit = l.base_unit
	           AND x.item_number <> '' OFFSET 0) k ORDER BY k.mapping_id LIMIT 1;
	IF FOUND THEN
		m.reason := 'the number was used before: ' || other.description;
		m.candidates := (SELECT json_agg(c) FROM (
			SELECT json_build_object('item_id', i.item_id, 'description', i.description,
			                         'similarity', @pg_trgm@.similarity(i.item_key, key)) AS c
			  FROM weir.inventory_items i WHERE i.item_id = other.item_id
			UNION ALL SELECT x FROM json_array_elements(m.candidates) AS x
			 WHERE (x->>'item_id')::bigint <> other.item_id) AS u);
	ELSIF m.reason IS NULL AND m.item_id IS NOT NULL THEN
		SELECT 'the item is in doubt itself' INTO m.reason FROM weir.vendor_item_mappings k
		 WHERE k.item_id = m.item_id AND k.match = 'new' AND k.needs_review LIMIT 1;
	END IF;
	m.needs_review := coalesce(m.needs_review, false) OR m.reason IS NOT NULL;
	IF m.match = 'fuzzy_auto' AND m.needs_review THEN
		m.match := 'fuzzy_review';
	END IF;
	IF m.item_id IS NULL THEN
		m.item_id := weir.make_item(l.user_id, l.base_unit, key, l.description, l.category);
	END IF;
	INSERT INTO weir.vendor_item_mappings (user_id, vendor_id, item_number, description, item_key,
	       base_unit, item_id, match, similarity, candidates, needs_review, reason)
	VALUES (l.user_id, vendor, number, l.description, key, l.base_unit, m.item_id,
	        m.match, m.similarity, m.candidates, m.needs_review, m.reason)
	RETURNING mapping_id INTO m.mapping_id;
	RETURN (vendor, m.mapping_id, m.item_id, m.match, m.needs_review, NULL)::weir.line_match;
END $$;

-- ---- telling ----

-- What a person is to look at: the first hundred lines.
CREATE OR REPLACE FUNCTION weir.list_reviews(its_lines integer[], texts text[], mappings bigint[])
RETURNS json LANGUAGE sql STABLE AS $$
SELECT json_agg(json_build_object('line', l.line, 'description', l.description,
       'mapping_id', m.mapping_id, 'item_id', i.item_id, 'item_description', i.description,
       'similarity', m.similarity, 'reason', m.reason, 'candidates', m.candidates) ORDER BY l.line)
  FROM unnest(its_lines[:100], texts[:100], mappings[:100]) AS l(line, description, mapping_id)
  JOIN weir.vendor_item_mappings m USING (mapping_id)
  JOIN weir.inventory_items i USING (item_id)
$$;

-- ---- review ----

-- The item that a mapping has led to, if it was made for it and nothing leads there any more; unless
-- something of the user's own refers to it.
CREATE OR REPLACE FUNCTION weir.remove_unused(m weir.vendor_item_mappings) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM weir.inventory_items i
	 WHERE i.item_id = m.item_id AND m.match = 'new'
	   AND NOT EXISTS (SELECT FROM weir.vendor_item_mappings k WHERE k.item_id = m.item_id)
	   AND NOT EXISTS (SELECT FROM weir.inventory_transactions t WHERE t.item_id = m.item_id);
EXCEPTION WHEN integrity_constraint_violation THEN
	NULL;
END $$;

-- The item that a mapping is to lead to. NULL: there is none as yet.
CREATE OR REPLACE FUNCTION weir.choose_item(m weir.vendor_item_mappings, item bigint)
RETURNS weir.inventory_items LANGUAGE plpgsql AS $$
DECLARE
	target weir.inventory_items;
BEGIN
	SELECT * INTO target FROM weir.inventory_items i WHERE i.user_id = m.user_id
	   AND CASE WHEN item IS NULL THEN i.base_unit = m.base_unit AND i.item_key = m.item_key
	            ELSE i.item_id = item END;
	IF target.item_id IS NULL AND item IS NOT NULL THEN
		RAISE EXCEPTION 'there is no item %', item USING ERRCODE = 'WE002';
	END IF;
	IF target.base_unit <> m.base_unit THEN
		RAISE EXCEPTION 'item % is counted in %, and what came through mapping % in %', item,
		      target.base_unit, m.mapping_id, m.base_unit USING ERRCODE = 'WE002';
	END IF;
	RETURN target;
END $$;

-- Makes a mapping's item of its own, or gets it. Where another number of its vendor leads to the one
-- of that description, the item's name has the number, too.
CREATE OR REPLACE FUNCTION weir.take_own_item(m weir.vendor_item_mappings) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	target weir.inventory_items := weir.choose_item(m, NULL);
	other weir.vendor_item_mappings := m;
BEGIN
	IF target.item_id IS NULL THEN
		RETURN weir.make_item(m.user_id, m.base_unit, m.item_key, m.description, NULL);
	END IF;
	IF m.item_number = '' OR NOT EXISTS (
	       SELECT FROM weir.vendor_item_mappings k WHERE k.item_id = target.item_id
	          AND k.vendor_id = m.vendor_id AND k.item_key = m.item_key
	          AND k.item_number NOT IN ('', m.item_number)) THEN
		RETURN target.item_id;
	END IF;
	other.description := format('%s (no. %s)', m.description, m.item_number);
	other.item_key := weir.item_key(other.description);
	target := weir.choose_item(other, NULL);
	RETURN coalesce(target.item_id, weir.make_item(m.user_id, m.base_unit, other.item_key,
	        other.description, NULL));
END $$;

-- The mapping leads to this item (NULL: to one of its own), and all that came through it moves along.
-- Returns the item.
CREATE OR REPLACE FUNCTION weir.remap_mapping(of_user text, mapping bigint, item bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	m weir.vendor_item_mappings;
	target bigint;
BEGIN
	PERFORM weir.hold_inventories(ARRAY[of_user], ARRAY[of_user]);
	SELECT * INTO m FROM weir.vendor_item_mappings k
	 WHERE k.user_id = of_user AND k.mapping_id = mapping;
	IF m.mapping_id IS NULL THEN
		RAISE EXCEPTION 'there is no mapping %', mapping USING ERRCODE = 'WE002';
	END IF;
	target := CASE WHEN item IS NULL THEN weir.take_own_item(m)
	          ELSE (weir.choose_item(m, item)).item_id END;
	UPDATE weir.vendor_item_mappings k
	   SET item_id = target, needs_review = false, reviewed_at = now()
	 WHERE k.user_id = of_user AND k.mapping_id = mapping;
	IF target <> m.item_id THEN
		WITH moved AS (
			UPDATE weir.inventory_transactions t SET item_id = target
			 WHERE t.user_id = of_user AND t.item_id = m.item_id AND t.mapping_id = mapping
			RETURNING t.invoice_id, t.line)
		UPDATE weir.price_history h SET item_id = target FROM moved
		 WHERE h.user_id = of_user AND h.invoice_id = moved.invoice_id AND h.line = moved.line;
		PERFORM weir.recount_item(of_user, m.item_id);
		PERFORM weir.recount_item(of_user, target);
		PERFORM weir.remove_unused(m);
	END IF;
	RETURN target;
END $$;
